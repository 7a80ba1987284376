from bridge.render import handles


def test_the_first_block_carries_the_outbox_id_itself():
    assert handles.block_id("ob1", 0) == "out-ob1"
    assert handles.block_id("ob1", 2) == "out-ob1.2"


def test_a_block_is_recognised_by_its_outbox_id_and_by_no_other():
    for index in (0, 3):
        assert handles.is_from(handles.block_id("ob1", index), "ob1")
        assert not handles.is_from(handles.block_id("ob1", index), "ob")
        assert not handles.is_from(handles.block_id("ob1", index), "ob2")
    assert not handles.is_from("ob1", "ob1")


def test_an_outbox_id_that_is_too_long_is_hashed_and_still_recognised():
    name = handles.block_id("x" * 900, 1)
    assert len(name) <= 255
    assert handles.is_from(name, "x" * 900)
    assert not handles.is_from(name, "x" * 901)


def test_handles_are_different_from_each_other():
    actions = [
        handles.TURN_STOP,
        handles.APPROVAL_ALLOW,
        handles.APPROVAL_DENY,
        handles.APPROVAL_DENY_REASON,
        handles.APPROVAL_VIEW,
    ]
    views = [handles.VIEW_REASON, handles.VIEW_FULL]
    assert len(set(actions)) == len(actions)
    assert len(set(views)) == len(views)
