"""What code means, without importing it: digests of parsed source, closures and signatures.

The digest of a module is that of its syntax tree without docstrings, so comments, layout and
documentation never rerun anything. The closure of a module is everything of this package that it
imports, at any depth. `kexue_pipe.graph` decides when something runs, never what comes out, and
stands in no closure. What a file means is kept by its content, because parsing is slow.
"""

import ast
import hashlib
import sys
from functools import cache
from pathlib import Path

from kexue_pipe.graph.cache import Cache
from kexue_pipe.graph.errors import Refused

PACKAGE = "kexue_pipe"
ROOT = Path(__file__).resolve().parents[2]


def _path(module: str) -> Path | None:
    """Give the file of a module of this package, or None if there is none."""
    base = ROOT.joinpath(*module.split("."))
    if base.is_dir():
        return base / "__init__.py"
    return base.with_suffix(".py") if base.with_suffix(".py").is_file() else None


def _file(module: str) -> Path:
    path = _path(module)
    if path is None:
        raise Refused(f"{module} is no module of this package")
    return path


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_file(module).read_bytes(), filename=str(_file(module)))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                line
                for line in node.body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return tree


@cache
def kept() -> Cache:
    """Give what is known of sources by their content; Snakemake's process alone writes it."""
    made_from = hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes())
    return Cache("results/.cache/sources.json", made_from.hexdigest())


@cache
def _known(module: str) -> tuple[str, list[str]]:
    """Give the digest of a module, and what of this package it imports, if that exists."""
    path = _file(module)
    beside = [
        companion.read_bytes()
        for pattern in (f"{path.stem}*", f"{path.stem}*/*")
        for companion in sorted(path.parent.glob(pattern))
        if companion.suffix in {".html", ".css", ".js", ".yaml"}
    ]
    source = path.read_bytes()

    def known() -> tuple[str, list[str]]:
        tree = ast.parse(source, filename=str(path))
        imported = sorted(_imported(tree))
        digest = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode())
        for content in beside:
            digest.update(content)
        return digest.hexdigest()[:16], imported

    key = hashlib.sha256(b"\0".join([source, *beside])).hexdigest()
    digest, imported = kept().get(key, known)
    return digest, imported


def module_digest(module: str) -> str:
    """Digest what a module means; templates and data beside it belong to it, by their stem."""
    return _known(module)[0]


def _imported(tree: ast.Module) -> set[str]:
    """Name what a module imports of this package, wherever the import stands."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == PACKAGE}


@cache
def closure(module: str) -> frozenset[str]:
    """Name every module of this package that a module stands on, itself included."""
    todo, seen = [module], set()
    while todo:
        current = todo.pop()
        if current in seen or current.startswith(f"{PACKAGE}.graph"):
            continue
        seen.add(current)
        todo += [name for name in _known(current)[1] if _path(name) is not None]
    return frozenset(seen)


def digests(modules: set[str]) -> dict[str, str]:
    """Give the digest of each module in the closures of some modules."""
    names = sorted(set().union(*(closure(module) for module in modules)))
    return {name: module_digest(name) for name in names}


def split_target(target: str) -> tuple[str, str]:
    """Split a `_target_` into module and attribute, and refuse what is not this package's."""
    module, _, attribute = target.rpartition(".")
    if module.split(".")[0] != PACKAGE or _path(module) is None:
        raise Refused(
            f"_target_: {target} is no component of this package; "
            f"it must name a class or function in {PACKAGE}/<group>/<name>.py"
        )
    return module, attribute


@cache
def signature(target: str) -> frozenset[str] | None:
    """Name the arguments of a `_target_`, or None where it takes any (`**kwargs`)."""
    module, attribute = split_target(target)
    definition = next(
        (n for n in _tree(module).body if getattr(n, "name", None) == attribute), None
    )
    if isinstance(definition, ast.ClassDef):
        init = _init(module, definition)
        if init is None:  # a dataclass, or a class without arguments
            fields = [n for n in definition.body if isinstance(n, ast.AnnAssign)]
            return frozenset(n.target.id for n in fields if isinstance(n.target, ast.Name))
        definition = init
    if not isinstance(definition, ast.FunctionDef):
        raise Refused(f"_target_: {target} does not exist; {module} defines no {attribute}")
    arguments = definition.args
    if arguments.kwarg:
        return None
    names = [a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    return frozenset(names) - {"self"}


def _init(module: str, definition: ast.ClassDef) -> ast.stmt | None:
    """Find the constructor of a class, its own or that of a base class in this package."""
    for node in definition.body:
        if getattr(node, "name", None) == "__init__":
            return node
    origins = {n.name: module for n in _tree(module).body if isinstance(n, ast.ClassDef)}
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == PACKAGE:
            origins |= {alias.name: str(node.module) for alias in node.names}
    for name in (base.id for base in definition.bases if isinstance(base, ast.Name)):
        origin = origins.get(name)
        for found in _tree(origin).body if origin else []:
            if origin and isinstance(found, ast.ClassDef) and found.name == name:
                return _init(origin, found)
    return None
