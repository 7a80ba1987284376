"""Which fields each block, element and object of a view may have: Slack refuses any other.

None stands where Slack documents no closed list.
"""


def _fields(**lists: str) -> dict[str, frozenset[str]]:
    """Each type's fields; all have `type`."""
    return {kind: frozenset(("type", *names.split())) for kind, names in lists.items()}


_IMAGE = "image_url slack_file alt_text"
_SELECT = "action_id placeholder confirm focus_on_load"
_MULTI = f"{_SELECT} max_selected_items"
_INPUT = "action_id placeholder initial_value dispatch_action_config focus_on_load"
_CHOICES = "action_id options confirm focus_on_load"

BLOCK_FIELDS: dict[str, frozenset[str] | None] = {
    kind: names | {"block_id"}
    for kind, names in _fields(
        section="text fields accessory expand",
        header="text",
        context="elements",
        actions="elements",
        context_actions="elements",
        input="label element hint optional dispatch_action",
        image=f"{_IMAGE} title",
        divider="",
        rich_text="elements",
        markdown="text",
        table="rows column_settings",
        task_card="task_id title status details output sources",
        plan="title tasks",
        file="external_id source",
        video="alt_text author_name description provider_icon_url provider_name thumbnail_url"
        " title title_url video_url",
        call="call_id call api_decoration_available",
        card="actions body hero_image icon slack_icon subtext subtitle title",
        carousel="elements",
        alert="level text",
        container="child_blocks default_collapsed has_header_divider icon is_collapsible"
        " rich_text_title subtitle title width",
        auth_provider="accessory auth_url connected_context connected_identity description"
        " disconnect_url fallback icon_url is_connected name value",
    ).items()
} | {"data_table": None, "data_visualization": None}

ELEMENT_FIELDS = _fields(
    image=_IMAGE,
    button="text action_id url value style confirm accessibility_label agent_prompt"
    " agent_prompt_display visible_to_user_ids",
    workflow_button="text action_id workflow style accessibility_label",
    icon_button="action_id icon text accessibility_label value visible_to_user_ids confirm",
    feedback_buttons="action_id positive_button negative_button",
    overflow="action_id options confirm",
    checkboxes=f"{_CHOICES} initial_options",
    radio_buttons=f"{_CHOICES} initial_option",
    datepicker=f"{_SELECT} initial_date",
    timepicker=f"{_SELECT} initial_time timezone",
    datetimepicker="action_id initial_date_time confirm focus_on_load",
    static_select=f"{_SELECT} options option_groups initial_option",
    external_select=f"{_SELECT} initial_option min_query_length",
    users_select=f"{_SELECT} initial_user",
    conversations_select=f"{_SELECT} initial_conversation response_url_enabled"
    " default_to_current_conversation filter",
    channels_select=f"{_SELECT} initial_channel response_url_enabled",
    multi_static_select=f"{_MULTI} options option_groups initial_options",
    multi_external_select=f"{_MULTI} initial_options min_query_length",
    multi_users_select=f"{_MULTI} initial_users",
    multi_conversations_select=f"{_MULTI} initial_conversations"
    " default_to_current_conversation filter",
    multi_channels_select=f"{_MULTI} initial_channels",
    plain_text_input=f"{_INPUT} multiline min_length max_length",
    rich_text_input=f"{_INPUT} min_lines max_lines",
    email_text_input=_INPUT,
    url_text_input=_INPUT,
    number_input=f"{_INPUT} is_decimal_allowed min_value max_value",
    file_input="action_id filetypes max_files",
)

TEXT_FIELDS = _fields(plain_text="text emoji", mrkdwn="text verbatim")
OPTION_FIELDS = frozenset({"text", "value", "description", "url"})
CONFIRM_FIELDS = frozenset({"title", "text", "confirm", "deny", "style"})
FEEDBACK_FIELDS = frozenset({"text", "value", "accessibility_label"})
VIEW_FIELDS = _fields(
    modal="title submit close blocks private_metadata callback_id external_id clear_on_close"
    " notify_on_close submit_disabled",
    home="blocks private_metadata callback_id external_id",
)
