"""Builds the OAuth apps from [[oauth_apps]]."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from shared.config.context import Context
from shared.config.document import Document
from shared.config.object_keys import InvalidObject, KeyProblem, key_of
from shared.config.problems import PathOf, Problems
from shared.config.secrets import LARGEST_SECRET
from shared.config.settings import OAuthAppSettings
from shared.model.oauth import Flow
from shared.oauth.app import LOOPBACK_REDIRECT, OAuthApp, ServiceAccountKey
from shared.oauth.providers import PRESETS, Provider

OF_FILES = frozenset({"client_secret_file", "client_secret_env", "service_account_file"})
SIGNING_PROVIDER = "google"
APP_PROVIDER = "microsoft"


class KeptApp(NamedTuple):
    """An app as it is kept, and where its users are: its provider has that in its addresses only."""

    app: OAuthApp
    directory: str | None


def app_of_keys(keys: Mapping[str, Any]) -> KeptApp:
    """Return the app that is to be kept in the database. Raises `InvalidObject` with every problem.

    Its secret is given as such: files and variables belong to the machine of the configuration file.
    """
    document = Document({"oauth_apps": [dict(keys)]}, "database", Path("/"))
    context = Context(document, {}, Problems(document))
    apps = build_oauth_apps(context, [dict(keys)])
    found = [KeyProblem(key_of(path), each) for path, each in context.problems.by_path().items()]
    found += [
        KeyProblem(key, f'"{key}": files and variables of the server can be named only in a file')
        for key in sorted(keys.keys() & OF_FILES)
    ]
    if found:
        raise InvalidObject("OAuth app", str(keys.get("name", "")), found)
    return KeptApp(next(iter(apps.values())), keys.get("directory"))


def build_oauth_apps(context: Context, tables: list[dict[str, Any]]) -> dict[str, OAuthApp]:
    """Return the valid apps by name. Add a problem for each other one."""
    apps: dict[str, OAuthApp] = {}
    for settings, _, path_of in context.items("oauth_apps", OAuthAppSettings, tables):
        if settings.name in apps:
            context.problems.add_problem(path_of(("name",)), '"name": another app has the same name')
        apps[settings.name] = _app(context, settings, path_of)
    return apps


def _app(context: Context, settings: OAuthAppSettings, path_of: PathOf) -> OAuthApp:
    for key, sentence in _contradictions(settings):
        context.problems.add_problem(path_of((key,)), sentence)
    secret = context.secret(settings, "client_secret", path_of)
    account = _service_account(context, settings, path_of)
    provider = PRESETS.get(settings.provider or "")
    return OAuthApp(
        settings.name,
        settings.client_id or (account.email if account else ""),
        _in_directory(provider, settings.directory) if provider else None,
        Flow(settings.flow),
        secret,
        account,
        settings.scopes,
        settings.discovery,
        settings.redirect or LOOPBACK_REDIRECT,
        settings.secret_expires,
        settings.testing,
        tenant=settings.tenant,
    )


def _contradictions(settings: OAuthAppSettings) -> list[tuple[str, str]]:
    """Return what is missing or does not fit, as the key and a sentence."""
    found = []
    flow = Flow(settings.flow)
    signs = flow is Flow.SERVICE_ACCOUNT
    if (settings.provider is None) == (settings.discovery is None):
        found.append(("provider", 'give either "provider" or "discovery"'))
    if settings.client_id is None and not signs:
        found.append(("client_id", '"client_id" is missing'))
    if signs != (settings.service_account_file is not None):
        found.append(("flow", 'flow = "service-account" and "service_account_file" belong together'))
    if signs and settings.provider != SIGNING_PROVIDER:
        found.append(("flow", '"flow": only Google has service accounts'))
    if flow is Flow.CLIENT_CREDENTIALS and settings.provider not in (APP_PROVIDER, None):
        found.append(("flow", '"flow": of these providers only Microsoft lets an app sign in as itself'))
    if flow is Flow.CLIENT_CREDENTIALS and settings.directory in (None, "common") and settings.provider:
        found.append(("directory", '"directory": an app that signs in as itself needs the tenant by name'))
    if settings.directory is not None:
        found += [("directory", sentence) for sentence in _unfit_directory(settings)]
    if settings.testing and settings.provider != SIGNING_PROVIDER:
        found.append(("testing", '"testing" is for Google only'))
    if not settings.scopes and (settings.discovery or settings.provider == "zoho"):
        found.append(("scopes", '"scopes" is missing: it is not known what this provider calls its mail'))
    return found


def _unfit_directory(settings: OAuthAppSettings) -> list[str]:
    """Return why the directory does not fit the provider, as a sentence; nothing where it does."""
    provider = PRESETS.get(settings.provider or "")
    if provider is None or not provider.directory:
        return ['"directory" is for Microsoft and Zoho only']
    try:
        provider.in_directory(settings.directory)
    except ValueError as error:
        return [f'"directory": {error}']
    return []


def _in_directory(provider: Provider, directory: str | None) -> Provider:
    """Return the provider with the endpoints of a directory. An unfit one was reported before."""
    try:
        return provider.in_directory(directory)
    except ValueError:
        return provider.in_directory(None)


def _service_account(
    context: Context, settings: OAuthAppSettings, path_of: PathOf
) -> ServiceAccountKey | None:
    if settings.service_account_file is None:
        return None
    path = context.document.absolute_path(settings.service_account_file)
    try:
        return _key_in(path)
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError):
        why = "is not the JSON file of a service account's key"
    context.problems.add_problem(path_of(("service_account_file",)), f'"service_account_file": {path} {why}')
    return None


def _key_in(path: Path) -> ServiceAccountKey:
    """Return the key in Google's file. No error repeats what is in it."""
    with path.open("rb") as file:
        said = json.loads(file.read(LARGEST_SECRET))
    email, key_id, key = (said[name] for name in ("client_email", "private_key_id", "private_key"))
    if not all(isinstance(each, str) and each for each in (email, key_id, key)) or "PRIVATE KEY" not in key:
        raise ValueError("no key")
    return ServiceAccountKey(email, key_id, SecretStr(key))
