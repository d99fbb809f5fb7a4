"""An OpenID Connect provider for tests, on a port of this machine: it answers as it is told."""

import hashlib
import hmac
import json
import secrets
import threading
from base64 import b64decode, urlsafe_b64encode
from urllib.parse import parse_qs, urlencode

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

CLIENT, SECRET = "tallyboard", "of the board at the provider"


class Silent(WSGIRequestHandler):
    """Keeps requests off the tests' output."""

    def log(self, *_args):
        """Say nothing."""


class Provider:
    """`person` are the claims of whoever signs in; `changed` what is wrong with the answers."""

    def __init__(self, now):
        self.now, self.codes, self.person, self.changed = int(now.timestamp()), {}, {}, {}
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.curve = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
        self.stranger = RSAKey.generate_key(2048, {"kid": "one"})
        self.server = make_server(
            "127.0.0.1", 0, self.answer, threaded=True, request_handler=Silent
        )
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def forget(self):
        """Be an honest provider again that knows Vera."""
        self.person = {
            "sub": "1",
            "email": "vera@example.com",
            "email_verified": True,
            "name": "Vera Rubin",
        }
        self.changed, self.codes = {}, {}

    def close(self):
        """Stop, and wait for it."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, environ, start_response):
        """The WSGI application."""
        request = Request(environ)
        name = request.path.strip("/").split("/")[-1]
        answers = {
            "openid-configuration": self.discovery,
            "token": self.token,
            "jwks": lambda _request: {
                "keys": [self.key.as_dict(private=False), self.curve.as_dict(private=False)]
            },
        }
        body = self.changed.get(name) or answers[name](request)
        if not isinstance(body, Response):
            body = Response(json.dumps(body), mimetype="application/json")
        return body(environ, start_response)

    def discovery(self, _request):
        """Where everything is."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        } | self.changed.get("discovery", {})

    def authorize(self, address):
        """Sign in whoever is sent there; the query of the address they are sent back to."""
        asked = {name: value[0] for name, value in parse_qs(address.partition("?")[2]).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return urlencode({"code": code, "state": asked["state"]})

    def token(self, request):
        """An id_token for a code, once."""
        asked = self.codes.pop(request.form["code"], None)
        name, _, secret = b64decode(request.headers["Authorization"][6:]).decode().partition(":")
        digest = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        challenge = base64(digest)
        known = asked and asked["redirect_uri"] == request.form["redirect_uri"]
        if not known or (name, secret, challenge) != (CLIENT, SECRET, asked["code_challenge"]):
            return Response(json.dumps({"error": "invalid_grant"}), 400)
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": asked["nonce"],
        }
        claims |= self.person | self.changed.get("claims", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": self.signed(claims)}

    def signed(self, claims):
        """The token, signed as `changed["signed"]` says."""
        how = self.changed.get("signed", "RS256")
        keys = {"ES256": self.curve, "stranger": self.stranger}
        if how in ("RS256", "ES256", "RS512", "stranger"):
            key, how = keys.get(how, self.key), "RS256" if how == "stranger" else how
            header = {"alg": how, "kid": key.kid}
            return jws.serialize_compact(header, json.dumps(claims), key, algorithms=[how])
        if how == "HS256":
            # With the public key for a secret, which whoever forges knows.
            text = f"{encoded({'alg': how, 'kid': 'one'})}.{encoded(claims)}"
            public = self.key.as_pem(private=False)
            return f"{text}.{base64(hmac.digest(public, text.encode(), 'sha256'))}"
        head = encoded({"alg": "none"} if how == "none" else {"alg": "RS256", "kid": "one"})
        return f"{head}.{encoded(claims)}."


def encoded(part):
    """A part of a token."""
    return base64(json.dumps(part).encode())


def base64(data):
    """As tokens and challenges write bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
