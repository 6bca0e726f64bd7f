"""Which servers a test is run on, if not on all."""

import pytest

native = pytest.mark.parametrize("server", ["native"], indirect=True, scope="session")
native_app = pytest.mark.parametrize("server", ["native-app"], indirect=True, scope="session")
apps = pytest.mark.parametrize("server", ["native-app", "asgi"], indirect=True, scope="session")
old = pytest.mark.parametrize("server", ["native old", "asgi old"], indirect=True, scope="session")
native_old = pytest.mark.parametrize("server", ["native old"], indirect=True, scope="session")
