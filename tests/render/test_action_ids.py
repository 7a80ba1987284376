from bridge.render import action_ids


def test_the_first_block_carries_the_outbox_id_itself():
    assert action_ids.block_id("ob1", 0) == "out-ob1"
    assert action_ids.block_id("ob1", 2) == "out-ob1.2"


def test_a_block_is_recognised_by_its_outbox_id_and_by_no_other():
    for index in (0, 3):
        assert action_ids.is_from(action_ids.block_id("ob1", index), "ob1")
        assert not action_ids.is_from(action_ids.block_id("ob1", index), "ob")
        assert not action_ids.is_from(action_ids.block_id("ob1", index), "ob2")
    assert not action_ids.is_from("ob1", "ob1")


def test_an_outbox_id_that_is_too_long_is_hashed_and_still_recognised():
    name = action_ids.block_id("x" * 900, 1)
    assert len(name) <= 255
    assert action_ids.is_from(name, "x" * 900)
    assert not action_ids.is_from(name, "x" * 901)


def test_handles_are_different_from_each_other():
    actions = [
        action_ids.TURN_STOP,
        action_ids.APPROVAL_ALLOW,
        action_ids.APPROVAL_DENY,
        action_ids.APPROVAL_DENY_REASON,
        action_ids.APPROVAL_VIEW,
    ]
    views = [action_ids.VIEW_REASON, action_ids.VIEW_FULL]
    assert len(set(actions)) == len(actions)
    assert len(set(views)) == len(views)
