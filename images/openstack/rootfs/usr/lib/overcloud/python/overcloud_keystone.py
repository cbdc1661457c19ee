"""keystone's WSGI application, which first brings its own users and catalogue to what the stack says.

The image's database holds roles and projects but no password that anybody knows and no address. Doing this here, in
the process that loads keystone anyway, saves every start a second Python and keeps passwords off any command line.
What is right already stays as it is: a restart writes nothing.

/etc/keystone/identity/identity.json:
  region    name of the region
  users     user name -> password; "admin" is the administrator, all others are service users
  services  list of {name, type, public, internal}, the last two being endpoint URLs
"""

import json
import uuid

from keystone import exception
from keystone.common import driver_hints, provider_api
from keystone.server import wsgi

SPECIFICATION = "/etc/keystone/identity/identity.json"
PROVIDERS = provider_api.ProviderAPIs
DOMAIN = "default"


def _first(items, **wanted):
    return next((item for item in items if all(item.get(k) == v for k, v in wanted.items())), None)


def _role_id(name):
    role = _first(PROVIDERS.role_api.list_roles(driver_hints.Hints()), name=name)
    if role is None:
        # An older release's bootstrap does not make the role "service".
        role = {"id": uuid.uuid4().hex, "name": name}
        PROVIDERS.role_api.create_role(role["id"], role)
    return role["id"]


def _service_project_id():
    try:
        return PROVIDERS.resource_api.get_project_by_name("service", DOMAIN)["id"]
    except exception.ProjectNotFound:
        project_id = uuid.uuid4().hex
        PROVIDERS.resource_api.create_project(
            project_id, {"id": project_id, "name": "service", "domain_id": DOMAIN, "enabled": True})
        return project_id


def _ensure_user(name, password):
    try:
        user = PROVIDERS.identity_api.get_user_by_name(name, DOMAIN)
    except exception.UserNotFound:
        return PROVIDERS.identity_api.create_user(
            {"name": name, "domain_id": DOMAIN, "enabled": True, "password": password})["id"]
    try:
        PROVIDERS.identity_api.driver.authenticate(user["id"], password)
    except AssertionError:
        PROVIDERS.identity_api.update_user(user["id"], {"password": password})
    return user["id"]


def _ensure_users(users):
    _ensure_user("admin", users["admin"])
    project_id = _service_project_id()
    roles = [_role_id("admin"), _role_id("service")]
    for name, password in users.items():
        if name == "admin":
            continue
        user_id = _ensure_user(name, password)
        for role_id in roles:
            try:
                PROVIDERS.assignment_api.add_role_to_user_and_project(user_id, project_id, role_id)
            except exception.Conflict:
                pass


def _ensure_region(region):
    try:
        PROVIDERS.catalog_api.create_region({"id": region, "description": ""})
    except exception.Conflict:
        pass


def _ensure_services(services, region):
    known_services = PROVIDERS.catalog_api.list_services()
    known_endpoints = PROVIDERS.catalog_api.list_endpoints()
    for wanted in services:
        service = _first(known_services, name=wanted["name"], type=wanted["type"])
        if service is None:
            service_id = uuid.uuid4().hex
            service = PROVIDERS.catalog_api.create_service(
                service_id, {"id": service_id, "name": wanted["name"], "type": wanted["type"], "enabled": True})
        for interface in ("public", "internal"):
            url = wanted[interface]
            endpoint = _first(known_endpoints, service_id=service["id"], interface=interface, region_id=region)
            if endpoint is None:
                endpoint_id = uuid.uuid4().hex
                PROVIDERS.catalog_api.create_endpoint(
                    endpoint_id, {"id": endpoint_id, "service_id": service["id"], "region_id": region,
                                  "interface": interface, "url": url, "enabled": True})
            elif endpoint["url"] != url:
                PROVIDERS.catalog_api.update_endpoint(endpoint["id"], {"url": url})


def _reconcile():
    with open(SPECIFICATION, encoding="utf-8") as file:
        specification = json.load(file)
    _ensure_region(specification["region"])
    _ensure_users(specification["users"])
    _ensure_services(specification["services"], specification["region"])


application = wsgi.initialize_public_application()
_reconcile()
