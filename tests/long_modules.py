"""The long modules, which ``dev.py test`` leaves out and ``dev.py test --all`` runs: most of them start other programs.

What they test, other modules test in this process too, except what only the other program can show.
"""

from pathlib import Path

TESTS = Path(__file__).parent

LONG_MODULES = {
    "browsers": [
        "client_sessions/test_browser.py",
        "test_console_key_stories.py",
        "test_console_pages_in_browser.py",
        "test_dashboard_in_browser.py",
        "test_factors_in_browser.py",
        "user_sessions/test_browser.py",
        "user_sessions/test_bulk_revocation_in_browser.py",
        "user_sessions/test_console_in_browser.py",
        "user_sessions/test_devices_in_browser.py",
        "user_sessions/test_django_browsers.py",
        "user_sessions/test_not_me_in_browser.py",
        "user_sessions/test_react.py",
        "user_sessions/test_sibling_hosts.py",
    ],
    "servers and proxies": [
        "test_benchmark.py",
        "test_drill.py",
        "test_outages.py",
        "test_proxies.py",
        "test_serve.py",
        "test_server.py",
        "test_server_limits.py",
        "user_sessions/test_freshness_processes.py",
        "user_sessions/test_new_device_over_http.py",
    ],
    "a crawl of the console": ["test_console_crawl.py"],
    "projects of hosts": [
        "test_docs.py",
        "test_five_steps.py",
        "test_host_factors.py",
        "test_host_keys.py",
        "test_host_middleware.py",
        "test_host_step_up.py",
        "test_hosts.py",
        "test_hosts_with_wheel.py",
        "test_tutorial.py",
        "test_types.py",
    ],
    "random input": [
        "test_any_bytes.py",
        "user_sessions/test_state_machine.py",
        "user_sessions/test_state_machine_http.py",
    ],
    "vendors' SDKs": [
        "client_sessions/test_sdks.py",
        "user_sessions/test_hasura.py",
        "user_sessions/test_sdk_javascript.py",
        "user_sessions/test_sdk_javascript_verification.py",
        "user_sessions/test_sdk_python.py",
        "user_sessions/test_sdk_step_up.py",
    ],
}


def long_paths() -> list[Path]:
    """Return the paths of the modules."""
    return [TESTS / module for modules in LONG_MODULES.values() for module in modules]
