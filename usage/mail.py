"""The digest: notices as one mail to each person who asked for them, over plain SMTP."""

import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from models import User
from usage import checks, outgoing
from usage.accounts import Refused
from usage.notices import ReadableNotice
from usage.outgoing import Undelivered

PORTS = {"smtp": 25, "smtps": 465}


def subscribe(user: User, address: str) -> None:
    """Mail a person the notices that they may see from now on; "" ends it. Raises Refused.

    Only to an address that they entered: one that came with usage may be anybody's.
    """
    try:
        checks.mail(address)
    except ValueError as error:
        raise Refused(f"The address {error}.", "mail_to") from None
    User.update(mail_to=address).where(User.id == user.id).execute()


def digest(
    told: Sequence[ReadableNotice], base_url: str, sender: str, to: str, now: datetime
) -> EmailMessage:
    """Notices as a mail, each with its link."""
    count = f"{len(told)} notice{'s' if len(told) > 1 else ''}"
    message = EmailMessage()
    message["Subject"] = f"Tallyboard: {count}"
    message["From"], message["To"] = sender, to
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
    # So that no out-of-office reply is sent.
    message["Auto-Submitted"] = "auto-generated"
    parts = [f"{one.sentence}\n{base_url}{one.path}" for one in told]
    end = f"You asked for these mails, and can end them, at {base_url}/notices"
    message.set_content("\n\n".join([*parts, "-- \n" + end]) + "\n")
    return message


class MailServer:
    """The server of SMTP_URL, connected to when the first mail is sent, once at most."""

    def __init__(self, url: str):
        self.parts = urlsplit(url)
        self.smtp: smtplib.SMTP | None = None
        self.dead = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.smtp:
            self.smtp.close()

    def send(self, message: EmailMessage) -> None:
        """Hand a mail over. Raises Undelivered."""
        if self.dead:
            raise Undelivered(self.dead)
        try:
            self.smtp = self.smtp or _connected(self.parts)
            self.smtp.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError):
            raise Undelivered("The mail server refused the mail.") from None
        except (OSError, smtplib.SMTPException) as error:
            self.dead = _reason(error)
            raise Undelivered(self.dead) from None


def _connected(parts: SplitResult) -> smtplib.SMTP:
    """A connection to the server, with TLS if offered, signed in if the URL has a username."""
    context, port = ssl.create_default_context(), parts.port or PORTS[parts.scheme]
    where = {"host": parts.hostname, "port": port, "timeout": outgoing.SECONDS}
    if parts.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(**where, context=context)
    else:
        smtp = smtplib.SMTP(**where)
    try:
        smtp.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
        if parts.username:
            if not isinstance(smtp.sock, ssl.SSLSocket) and parts.hostname not in checks.LOOPBACK:
                raise NoPrivacy
            smtp.login(unquote(parts.username), unquote(parts.password or ""))
    except (OSError, smtplib.SMTPException):
        smtp.close()
        raise
    return smtp


class NoPrivacy(smtplib.SMTPException):
    """A server without TLS, which would get the password in clear text."""


def _reason(error: Exception) -> str:
    # smtplib calls a server that is silent for too long one that has gone.
    if isinstance(error.__context__, TimeoutError):
        error = error.__context__
    match error:
        case NoPrivacy():
            return "The mail server offers no TLS, so it is told no password."
        case smtplib.SMTPAuthenticationError():
            return "The mail server did not take the name and password of SMTP_URL."
        case ssl.SSLError():
            return "The mail server's certificate is not to be trusted."
        case TimeoutError():
            return f"The mail server did not answer within {outgoing.SECONDS} seconds."
        case _:
            return "The mail server can't be reached, or broke the connection off."
