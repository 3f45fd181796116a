from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mock_mycarenet.app import create_app
from tests.mock.builders import ISSUER


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "sandbox" / "mock"


@pytest.fixture
def client(data_dir: Path) -> FlaskClient:
    return create_app(data_dir, ISSUER).test_client()
