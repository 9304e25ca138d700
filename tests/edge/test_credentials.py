from __future__ import annotations

from pathlib import Path

import pytest

from whytls.edge.address import management_address
from whytls.edge.credentials import NOBODY, Credentials, credentials
from whytls.exceptions import InputError, UsageError

HOST = "api.example.test"


def table(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "whytls.toml"
    path.write_text("[edge]\n" + "\n".join(lines) + "\n")
    return str(path)


def found(environ: dict[str, str], tmp_path: Path, config: str | None = None) -> Credentials:
    return credentials(HOST, config, {"HOME": str(tmp_path), **environ})


def test_nobody_where_nothing_is_said(tmp_path: Path) -> None:
    assert not found({}, tmp_path).identified
    assert not NOBODY.identified


def test_from_the_environment(tmp_path: Path) -> None:
    who = found({"WHYTLS_EDGE_USER": "ana", "WHYTLS_EDGE_PASSWORD": "secret", "WHYTLS_EDGE_CA": "ca.pem"}, tmp_path)
    assert (who.user, who.password and who.password.reveal(), who.ca, who.origin) == ("ana", "secret", "ca.pem", "the environment")
    assert "secret" not in repr(who)
    token = found({"WHYTLS_EDGE_TOKEN": "t"}, tmp_path).token
    assert token is not None
    assert token.reveal() == "t"


def test_from_a_table_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-file\n")
    config = table(tmp_path, 'user = "bea"', 'password_file = "password"', 'ca = "ca.pem"', 'token_url = "https://login.example.test/oauth/token"')
    environ = {"WHYTLS_EDGE_USER": "ana", "WHYTLS_EDGE_PASSWORD": "secret", "WHYTLS_EDGE_CONFIG": config}
    for who in (found(environ, tmp_path), found({}, tmp_path, config)):
        assert (who.user, who.password and who.password.reveal(), who.ca) == ("bea", "from-file", str(tmp_path / "ca.pem"))
        assert who.origin == f"{config}, [edge]"


def test_a_table_that_names_nobody_leaves_that_to_the_environment(tmp_path: Path) -> None:
    config = table(tmp_path, 'ca = "ca.pem"')
    who = found({"WHYTLS_EDGE_USER": "ana", "WHYTLS_EDGE_PASSWORD": "secret"}, tmp_path, config)
    assert (who.user, who.ca) == ("ana", str(tmp_path / "ca.pem"))


def test_a_secret_in_an_environment_variable_of_another_name(tmp_path: Path) -> None:
    who = found({"MINE": "t"}, tmp_path, table(tmp_path, 'token_env = "MINE"'))
    assert who.token is not None
    assert who.token.reveal() == "t"
    with pytest.raises(UsageError, match="no environment variable MINE"):
        found({}, tmp_path, table(tmp_path, 'token_env = "MINE"'))


def test_from_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Held(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            if service == "locked":
                raise RuntimeError("secret words of the backend")
            return {("edge", "ana"): "from-keyring"}.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None: ...

        def delete_password(self, service: str, username: str) -> None: ...

    monkeypatch.setattr(keyring.core, "_keyring_backend", Held())
    who = found({}, tmp_path, table(tmp_path, 'user = "ana"', 'password_keyring = "edge"'))
    assert who.password is not None
    assert who.password.reveal() == "from-keyring"
    for service, problem in (("other", "no secret"), ("locked", "cannot be read: RuntimeError")):
        who = found({}, tmp_path, table(tmp_path, 'user = "ana"', f'password_keyring = "{service}"'))
        assert who.password is not None
        with pytest.raises(InputError, match=problem):
            who.password.reveal()


def test_from_netrc(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine other.test login x password y\nmachine {HOST} login ana password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    who = found({}, tmp_path)
    assert (who.user, who.password and who.password.reveal(), who.origin) == ("ana", "secret", str(tmp_path / ".netrc"))
    (tmp_path / ".netrc").write_text("machine\n")
    with pytest.raises(InputError, match=r"no \.netrc"):
        found({}, tmp_path)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (['password = "secret"'], "say where it is instead: password_env"), (['colour = "blue"'], "a field 'colour'"), (["user = 3"], "in quotes"),
        (['user = "ana"'], "no password"), (['key = "k.pem"', 'user = "a"', 'password_env = "P"'], "no certificate"),
        (['refresh_token_env = "P"'], "no token endpoint"),
        (['token_url = "http://x.test"', 'user = "a"', 'password_env = "P"'], "no token endpoint"),
        (['password_env = "P"', 'password_file = "f"'], "one of them"), (['user = "ana"', 'password_file = "none"'], "No such file"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_said(tmp_path: Path, lines: list[str], problem: str) -> None:
    with pytest.raises((UsageError, InputError), match=problem) as caught:
        found({"P": "secret"}, tmp_path, table(tmp_path, *lines))
    assert "secret" not in str(caught.value)


def test_addresses() -> None:
    at = management_address("https://api.enterprise.apigee.com/v1/organizations/acme/environments/prod/")
    assert (at.base, at.host, at.organization, at.environment, at.dialect) == (
        "https://api.enterprise.apigee.com/v1", "api.enterprise.apigee.com", "acme", "prod", "edge",
    )  # fmt: skip
    assert management_address("http://10.0.0.5:8080/o/acme/e/prod").base == "http://10.0.0.5:8080/v1"
    assert management_address("http://10.0.0.5:8080/o/acme/e/prod").plain
    assert management_address("https://apigee.googleapis.com/v1/organizations/a/environments/e").dialect == "x"
    assert management_address("https://m.test/prefix/v1/o/a%20b/e/c").organization == "a b"


@pytest.mark.parametrize(
    "text",
    [
        "https://m.test/v1/o/acme",
        "https://m.test/",
        "https:///o/a/e/b",
        "https://m.test/o/a/e/b?x",
        "https://m.test/o/a/e/..",
        "https://m.test:x/o/a/e/b",
        "https://[",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="expected https"):
        management_address(text)


def test_an_address_has_no_password() -> None:
    with pytest.raises(UsageError, match="no user and password") as caught:
        management_address("https://ana:secret@m.test/o/a/e/b")
    assert "secret" not in str(caught.value)
