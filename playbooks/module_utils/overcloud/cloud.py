"""The cloud's APIs, by openstacksdk: every call has a time limit, every error is one sentence."""

import time

try:
    from keystoneauth1 import exceptions as errors
    from openstack.config import loader
    from openstack.exceptions import ConfigException

    # A certificate file that is missing is an OSError of requests' own, which keystoneauth lets through.
    FAILURES = (errors.ClientException, OSError)
except ImportError:
    loader = None

# The newest that the oldest release this is used with (train) speaks: servers on a chosen host, services by id.
COMPUTE_VERSION = "2.79"

CONNECTION_ARGUMENTS = {
    "clouds_file": {"type": "path", "required": True},
    "cloud": {"type": "str", "required": True},
    # Seconds that one call may take.
    "call_seconds": {"type": "float", "default": 60},
}

PREFIXES = {"network": "/v2.0", "image": "/v2"}


class CloudError(Exception):
    """A call that did not work. `kind` is a short word for counting; `status` is the HTTP status, None without answer."""

    def __init__(self, message, kind, status=None):
        super().__init__(message)
        self.kind = kind
        self.status = status


class Cloud:
    """An authenticated session that any number of threads may use."""

    def __init__(self, parameters):
        if loader is None:
            raise CloudError("openstacksdk is not installed for the Python that runs this", "openstacksdk is missing")
        self.name = parameters["cloud"]
        try:
            configuration = loader.OpenStackConfig(config_files=[parameters["clouds_file"]], load_envvars=False)
            region = configuration.get_one(cloud=self.name, api_timeout=parameters["call_seconds"])
            self._session = region.get_session()
            self._interface = region.get_interface() or "public"
            self._region = region.get_region_name() or None
        except ConfigException as error:
            raise CloudError("{0}: {1}".format(parameters["clouds_file"], error), "configuration") from error
        try:
            self._session.get_token()
        except FAILURES as error:
            raise CloudError(
                "the cloud {0} does not let anyone in: {1}".format(self.name, _sentence(error)), "keystone"
            ) from error

    def fresh_token(self):
        """Asks keystone for another token, whatever is kept."""
        try:
            self._session.auth.get_auth_ref(self._session)
        except FAILURES as error:
            raise _failed("POST", "keystone", error) from error

    def call(self, method, service, path, body=None, missing_is_none=False):
        """
        Makes one call and answers the parsed body; None when there is none.
        @param missing_is_none: takes 404 for an answer, as who deletes does
        """
        headers = {"Accept": "application/json"}
        if service == "compute":
            headers["OpenStack-API-Version"] = "compute " + COMPUTE_VERSION
        url = PREFIXES.get(service, "") + path
        try:
            response = self._session.request(
                url,
                method,
                json=body,
                headers=headers,
                raise_exc=False,
                connect_retries=0,
                endpoint_filter={
                    "service_type": service,
                    "interface": self._interface,
                    "region_name": self._region,
                },
            )
        except FAILURES as error:
            raise _failed(method, "{0} {1}".format(service, url), error) from error
        if response.status_code == 404 and missing_is_none:
            return None
        if response.status_code >= 400:
            raise CloudError(
                "{0} {1} {2} answered {3}: {4}".format(
                    method, service, url.split("?")[0], response.status_code, _said(response)
                ),
                "HTTP {0}".format(response.status_code),
                response.status_code,
            )
        return response.json() if response.content else None

    def get(self, service, path):
        return self.call("GET", service, path)

    def post(self, service, path, body):
        return self.call("POST", service, path, body)

    def delete(self, service, path):
        """Deletes; what is gone already counts as deleted."""
        return self.call("DELETE", service, path, missing_is_none=True)

    def id_of(self, service, path, key, name):
        """
        Id of what has a name.
        @raise CloudError: none, or several, have it
        """
        found = [each for each in self.get(service, path)[key] if name in (each.get("name"), each.get("id"))]
        if len(found) == 1:
            return found[0]["id"]
        names = sorted({each["name"] for each in self.get(service, path.split("?")[0])[key]})
        raise CloudError(
            "{0} {1} named {2}; there is: {3}".format(
                len(found) or "no", key.rstrip("s"), name, ", ".join(names) or "none"
            ),
            "parameter",
        )

    def services(self):
        """nova's services."""
        return self.get("compute", "/os-services")["services"]

    def computes(self):
        """nova's compute services by host."""
        return {each["host"]: each for each in self.services() if each["binary"] == "nova-compute"}

    def require_computes(self, hosts):
        """
        The named computes' services.
        @raise CloudError: one is unknown
        """
        known = self.computes()
        unknown = [host for host in hosts if host not in known]
        if unknown:
            raise CloudError(
                "{0} is no compute of the cloud {1}; it has {2}".format(
                    ", ".join(unknown), self.name, shortened_names(known)
                ),
                "parameter",
            )
        return {host: known[host] for host in hosts}

    def servers(self, query="", metadata=None):
        """Every server of every project that a query finds, with details; of these, those with the metadata."""
        found = []
        marker = ""
        while True:
            page = self.get("compute", "/servers/detail?all_tenants=1&limit=500" + query + marker)["servers"]
            found += page
            if len(page) < 500:
                break
            marker = "&marker=" + page[-1]["id"]
        wanted = (metadata or {}).items()
        return [server for server in found if all(server["metadata"].get(key) == value for key, value in wanted)]


def shortened_names(names, most=10):
    """The first of many names, in the order in which people count."""
    ordered = sorted(names, key=lambda name: (len(name), name))
    shown = ", ".join(ordered[:most])
    return shown + (" and {0} more".format(len(ordered) - most) if len(ordered) > most else "") if ordered else "none"


def _failed(method, where, error):
    if isinstance(error, errors.ConnectTimeout):
        kind = "timeout"
    elif isinstance(error, errors.ConnectFailure) or _hung_up(error):
        kind = "no answer"
    elif isinstance(error, errors.HttpError):
        kind = "HTTP {0}".format(error.http_status)
    else:
        kind = type(error).__name__
    return CloudError("{0} {1}: {2}".format(method, where, _sentence(error)), kind, getattr(error, "http_status", None))


def _hung_up(error):
    """Whether the other end closed before TLS began: docker takes connections for an API that is not there."""
    closed = ("SSLEOFError", "SSLZeroReturnError")
    return isinstance(error, errors.SSLError) and any(name in str(error) for name in closed)


def _sentence(error):
    return " ".join(str(error).split())[:300]


def _said(response):
    """What an API says about an error: each of them wraps its message in something else."""
    try:
        body = response.json()
    except ValueError:
        return " ".join(response.text.split())[:300]
    for part in body.values() if isinstance(body, dict) else []:
        if isinstance(part, dict) and "message" in part:
            return " ".join(str(part["message"]).split())[:300]
        if isinstance(part, list) and part and isinstance(part[0], dict):
            return str(part[0].get("detail") or part[0].get("title"))[:300]
    return " ".join(str(body).split())[:300]


def now():
    """Seconds of a clock that never jumps."""
    return time.monotonic()
