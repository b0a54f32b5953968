"""The system's own passwords: PAM, through libpam itself.

python-pam was looked at: it is the same ctypes, opens sessions' credentials that nobody closes, and cannot be pointed
at another directory of services, so that it could only be tested against /etc.

Numbers 1 to 5 are the only error codes that Linux-PAM and OpenPAM share besides success; they mean that the check
could not be made. But SYSTEM_ERR (4) is also what pam_exec says for a script's "no": it and every other number is a
refusal, so that a wrong password always counts as one. PAM runs as whoever asks: an unprivileged router can use modules
that ask a server (sss, ldap, radius), and pam_unix for its own user only.

Source: Linux-PAM 1.5 _pam_types.h and pam_start(3), pam_conv(3); OpenPAM pam_constants.h.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_void_p, cast
from pathlib import Path

from dinrail.errors import BadRequest, HostError

_LIBRARIES = ("libpam.so.0", "libpam.so.6", "libpam.so")
_SERVICE_DIRECTORIES = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"), Path("/usr/local/etc/pam.d"))
_CANNOT = (1, 2, 3, 5)  # OPEN_ERR, SYMBOL_ERR, SERVICE_ERR, BUF_ERR
_BUF_ERR = 5
_CONV_ERR = 19
_ECHO_OFF, _ECHO_ON = 1, 2
_MAX_MESSAGES = 32
_SILENT = 0x8000
_DISALLOW_NULL = 1


class _Message(Structure):
    _fields_ = (("style", c_int), ("text", c_char_p))


class _Response(Structure):
    # c_void_p: PAM frees what it points to, so it has to be C's own memory.
    _fields_ = (("text", c_void_p), ("code", c_int))


_Talk = CFUNCTYPE(c_int, c_int, POINTER(POINTER(_Message)), POINTER(c_void_p), c_void_p)


class _Conversation(Structure):
    _fields_ = (("talk", _Talk), ("data", c_void_p))


class PamService:
    """One service of PAM (`/etc/pam.d/NAME`), asked for authentication and for the account's validity.

    directory: where the service's file is, instead of the system's own places (Linux-PAM only).
    """

    def __init__(self, service: str, directory: Path | None = None) -> None:
        if not service.replace("-", "").replace("_", "").replace(".", "").isalnum() or service.startswith("."):
            raise BadRequest(f"{service!r} is no PAM service", hint="a file's name in /etc/pam.d")
        places = _SERVICE_DIRECTORIES if directory is None else (directory,)
        if not any((place / service).is_file() for place in places):
            # PAM would fall back to `other`, which refuses everybody, or on a careless system nobody.
            where = " or ".join(str(place / service) for place in places)
            raise HostError("there is no such PAM service", where=where, hint="write it: auth and account lines")
        self._service = service.encode()
        self._directory = str(directory).encode() if directory is not None else None
        self._pam = _load()
        self._c = ctypes.CDLL(None)
        self._c.calloc.restype = self._c.strdup.restype = c_void_p
        self._c.calloc.argtypes = (c_size_t, c_size_t)
        self._c.strdup.argtypes = (c_char_p,)
        if directory is not None and not hasattr(self._pam, "pam_start_confdir"):
            raise HostError("this PAM takes no directory of services")

    def is_right(self, user: str, password: str) -> bool:
        """Whether PAM takes this user and password. Slow, and often slower for a wrong one. Raises HostError."""
        if not user or not password or "\0" in user + password:
            return False  # an empty answer means "not asked" to some modules
        name, secret = user.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass")
        talk = _Talk(lambda count, messages, answers, _data: self._talk(name, secret, count, messages, answers))
        conversation = _Conversation(talk, None)
        handle = c_void_p()
        begun = (self._service, name, byref(conversation))
        if self._directory is None:
            code = self._pam.pam_start(*begun, byref(handle))
        else:
            code = self._pam.pam_start_confdir(*begun, self._directory, byref(handle))
        if code:
            raise HostError(f"PAM does not start (error {code})", where=self._service.decode())
        try:
            code = self._pam.pam_authenticate(handle, _SILENT | _DISALLOW_NULL)
            code = code or self._pam.pam_acct_mgmt(handle, _SILENT | _DISALLOW_NULL)
            if code in _CANNOT:
                why = (self._pam.pam_strerror(handle, code) or b"").decode("utf-8", "replace")
                raise HostError("PAM cannot check a password", where=self._service.decode(), why=why)
        finally:
            self._pam.pam_end(handle, code)
        return bool(code == 0)

    def _talk(self, name: bytes, secret: bytes, count: int, messages: object, answers: object) -> int:
        """Answer PAM's questions: what is not shown is the password, what is shown the name."""
        if not 0 < count <= _MAX_MESSAGES:
            return _CONV_ERR
        memory = self._c.calloc(count, ctypes.sizeof(_Response))
        if not memory:
            return _BUF_ERR
        replies = cast(memory, POINTER(_Response))
        for at in range(count):
            style = messages[at].contents.style  # type: ignore[index]  # ctypes' pointers have no types
            if style in (_ECHO_OFF, _ECHO_ON):
                replies[at].text = self._c.strdup(secret if style == _ECHO_OFF else name)
        answers[0] = memory  # type: ignore[index]  # the same
        return 0


def _load() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            pam = ctypes.CDLL(name)
        except OSError:
            continue
        pam.pam_strerror.restype = c_char_p
        pam.pam_strerror.argtypes = (c_void_p, c_int)
        for function in (pam.pam_authenticate, pam.pam_acct_mgmt, pam.pam_end):
            function.argtypes = (c_void_p, c_int)
        return pam
    raise HostError("libpam is not installed", hint="use a file of users: [ads.credentials] file")
