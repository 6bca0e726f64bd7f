"""Which servers a test is run on, if not on all."""

import pytest

native = pytest.mark.parametrize("server", ["native"], indirect=True, scope="session")
native_app = pytest.mark.parametrize("server", ["native-app"], indirect=True, scope="session")
apps = pytest.mark.parametrize("server", ["native-app", "asgi"], indirect=True, scope="session")
