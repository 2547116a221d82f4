"""Names of ours that vulture takes for dead, each with the reader that it cannot see. What Django, REST framework and
the standard library call by name is listed in pyproject.toml. Nothing runs this file."""

# Hosts call these; docs/ names them.
_.from_pem  # docs/verifying.md: keys as PEM text
_.fulfil  # docs/user-sessions.md: a verb of a session
_.require  # docs/user-sessions.md: a verb of a session
_.granted_to  # docs/guarding.md: a base for querysets of a host's model
_.fake_issuer  # docs/testing.md: a fixture
_.first_factor_age  # docs/verifying.md: a field of verified claims
_.second_factor_age  # docs/verifying.md: a field of verified claims
_.organizations  # docs/jwt-templates.md: a profile's field, which shortcodes name as text

_.CACHED  # docs/session-tokens-in-views.md: a freshness, which views state as text
_.is_anonymous  # Django's own attribute of a user
_._reject  # Django's CSRF middleware
_.execute_sql  # Django's iterables of a query set
_.max_query_params  # Django's deletes
_.results_iter  # Django's iterables of a query set
_.__call__  # decorators.py: the type of a decorator

# A table of routes names these methods of views as text; tests walk every route.
_.accept_ticket
_.active_sessions
_.attempt_first_factor
_.attempt_second_factor
_.mint
_.mint_from_template
_.redeem_handshake
_.refuse_factor
_.grant_access
_.grant_access_to_device
_.list_accessible_devices
_.remove_sessions
_.revoke_access_to_device
_.revoke_sessions
_.sessions_of_user

# The templates of the page "Your devices" read these.
_.expires
_.first_seen
_.last_seen
_.last_used

# Templates of the console read these.
_.first_url
_.is_cut
_.next_step

_.OPTIONAL  # pages of the console state it; each page asks for a reason in its own way

# Columns that queries, updates and lists in the console name as text or as a keyword, or read by their ``_id``.
_.accuracy_radius
_.address_hash
_.control_until
_.created_session
_.dead_at
_.delivered_at
_.disabled_reason
_.last_active_session
_.last_outcome
_.read_until
_.recorded_ends
_.refreshed_at
_.refreshed_for
_.refreshed_to

# Choices of a column: rows have the value, and forms list it.
_.EDDSA
_.END_OLDEST
_.ES256
_.MULTIPLE
_.NOTIFY  # docs/activities.md: a verdict

# Parameters that a FilterSet reads, under the name of its attribute, and the method that one of them names as text.
_.connect_webview_id
_.created_before
_.custom_metadata_has
_.device_id
_.device_ids
_.device_types
_.matching
_.user_identity_id
_.user_identity_ids
_.user_identity_key

# One of its kind.
InlineModelAdmin  # in annotations that are text
_.clean_workspace  # a form calls it by the name of the field
_.is_meant  # the field of a form; the form's validation is its only reader
_.revoke_all_of_user  # an action of the console, listed as text
model_admin  # Django gives it to the methods of a filter
form_url  # Django gives it to add_view
constant  # json.loads calls the hook with it
memo  # copy.deepcopy calls __deepcopy__ with it
msg  # logging gives it to LoggerAdapter.process
format_suffix  # REST framework gives it to select_renderer

# Asynchronous twins of verbs: hosts call them (docs/api.md).
_.astart
_.astart_or_match
_.agrant
_.arevoke_access
_.arevoke
_.arevoke_others
_.aremove
_.aend
_.atouch

# inspect.signature reads it.
_.__wrapped__

# Fields that the console names as text.
_.response_time

# Types in quotes, which vulture does not read.
_StrOrPromise

# benchmarks/: what Django and REST framework read, and a figure that is read by its name.
_.CountStatements
_.p95
_.page_size
_.page_size_query_param

# The template of the dashboard's charts reads these.
_.since_url
_.x1
_.x2
_.place_width
_.marks
_.segments
_.part_texts
_.top

# The template of a bulk revocation's preview reads it.
_.sample
