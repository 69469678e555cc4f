"""A headless Chromium that tests talk to through a pipe: DevTools messages, no further package.

    python -m tests.browser results/report/default.html docs

saves the first screen of a report, light and dark, as the README shows it.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-pipe",
    "--no-first-run",
)


class Browser:
    """One page; what it says to the console and asks of the network is kept."""

    def __init__(self, profile: Path) -> None:
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            pytest.skip("needs a Chromium on PATH to look at the page")
        theirs, self.write = os.pipe()
        self.read, answers = os.pipe()

        def places() -> None:  # Chromium reads from 3 and writes to 4
            first, second = os.dup(theirs), os.dup(answers)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=places,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(answers)
        self.buffer, self.number, self.events = b"", 0, []
        self.session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(120.0)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self, seconds: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], seconds)
            assert ready, "the browser does not answer"
            self.buffer += os.read(self.read, 1 << 20)
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def run(self, code: str) -> Any:
        """Evaluate JavaScript in the page and give its value, awaited."""
        options = {"awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", expression=code, **options)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def open(self, page: Path, place: str = "", wait: str = "true") -> None:
        """Open a file and wait until all its charts are drawn and a condition holds."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri() + place)
        self.wait(f"document.documentElement?.dataset.ready === 'true' && {wait}")

    def wait(self, condition: str, seconds: float = 90.0) -> None:
        """Wait until a condition holds in the page."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.1)

    def size(self, width: int, height: int, phone: bool = False) -> None:
        """Set the size of the window."""
        options = {"deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, **options)

    def media(self, colours: str) -> None:
        """Prefer `light` or `dark` colours."""
        feature = {"name": "prefers-color-scheme", "value": colours}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def complaints(self) -> list[dict[str, Any]]:
        """List the errors and warnings of the console so far."""
        self.run("0")  # so that earlier messages have come in
        kinds = {"Runtime.exceptionThrown": None, "Log.entryAdded": "entry"}
        found = [e for e in self.events if e.get("method") in kinds]
        calls = [e for e in self.events if e.get("method") == "Runtime.consoleAPICalled"]
        return found + [e for e in calls if e["params"]["type"] in ("error", "warning", "assert")]

    def requests(self) -> list[str]:
        """List the addresses that the page asked for, without its own data."""
        asked = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        urls = [e["params"]["request"]["url"] for e in asked]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]

    def pdf(self) -> bytes:
        """Print the page."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Save what is seen."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.write)
        os.close(self.read)


def main() -> None:
    """Save the first screen of a page in both colours into a folder."""
    page, folder = (Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        browser.size(1200, 1440)
        for colours in ("light", "dark"):
            browser.media(colours)
            browser.open(page)
            path = folder / f"report_{colours}.png"
            browser.screenshot(path)
            few = Image.open(path).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
            few.save(path, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
