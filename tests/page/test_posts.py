from kexue_pipe.page.posts import exists, posts


def test_there_are_36_posts_in_order_each_with_components_or_a_note():
    found = posts()
    assert len(found) == len({post.number for post in found}) == 36
    assert [post.date for post in found] == sorted(post.date for post in found)
    assert all(bool(post.components) != bool(post.note) for post in found)


def test_addresses_are_those_of_the_archive():
    assert posts()[0].address == "https://kexue.fm/archives/9271"


def test_what_has_no_yaml_is_missing():
    assert exists("attention.scale=logn") and exists("chart=rope_base")
    assert not exists("attention.scale=nothing") and not exists("../x=y")
