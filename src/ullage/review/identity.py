"""The checks of what an identity rests on: what other services say, tokens of one's own, certificates."""

from __future__ import annotations

from collections.abc import Iterator

from ullage.review.check import NO_DATABASE, Check, Saying
from ullage.review.deployment import CertificateFacts, Deployment
from ullage.review.report import Area, Severity


class Issuer(Check):
    """What an OIDC issuer says is believed no longer, and means no more, than it should."""

    name, area = "oidc", Area.ACCESS
    LEEWAY_SECONDS_MAX = 120
    KEYS_SECONDS_MAX = 3600
    AUDIENCES_OF_ALL = ("account", "api", "openid", "*")
    CLAIMS_OF_USERS = ("email", "name", "nickname", "preferred_username", "given_name", "family_name", "upn")

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        chosen = deployment.settings
        if "oidc" not in chosen.auth_schemes:
            yield Severity.INFO, "No issuer is believed.", ""
            return
        said = False
        if chosen.oidc_leeway_seconds > self.LEEWAY_SECONDS_MAX:
            said = True
            seen = f"Tokens are believed for {chosen.oidc_leeway_seconds:g} s after they have ended."
            yield Severity.MEDIUM, seen, "Lower oidc_leeway_seconds, and keep the clocks right."
        if chosen.oidc_keys_seconds > self.KEYS_SECONDS_MAX:
            said = True
            seen = f"A key that the issuer withdraws is believed for {chosen.oidc_keys_seconds:g} s."
            yield Severity.MEDIUM, seen, "Lower oidc_keys_seconds."
        if chosen.oidc_audience in self.AUDIENCES_OF_ALL:
            said = True
            seen = f"oidc_audience is {chosen.oidc_audience}, which an issuer puts into tokens for every service."
            yield Severity.HIGH, seen, "Have the issuer name this service in aud, and nothing else."
        if chosen.oidc_user_claim in self.CLAIMS_OF_USERS:
            said = True
            seen = f"oidc_user_claim is {chosen.oidc_user_claim}, which users may be able to change."
            yield Severity.LOW, seen, "Use sub, or make sure that the issuer lets nobody change it or take another's."
        if not chosen.oidc_roles:
            said = True
            seen = "Every word of the issuer's roles claim is a role here: its admins of anything are admins of this."
            yield Severity.LOW, seen, "Say in oidc_roles which words mean which role."
        if not said:
            yield Severity.INFO, "What the issuer says is believed within bounds.", ""


class Keystone(Check):
    """What Keystone says is believed no longer than it should be, and asked for with as little power as will do."""

    name, area = "keystone", Area.ACCESS
    SECONDS_MAX = 300

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        chosen = deployment.settings
        if "keystone" not in chosen.auth_schemes:
            yield Severity.INFO, "Keystone is not asked.", ""
            return
        said = False
        if chosen.keystone_cache_seconds > self.SECONDS_MAX:
            said = True
            seen = f"A revoked Keystone token is believed for {chosen.keystone_cache_seconds:g} s."
            yield Severity.MEDIUM, seen, "Lower keystone_cache_seconds."
        wide = sorted({"reader", "member", "admin"} & {each.lower() for each in chosen.keystone_service_roles})
        if wide:
            said = True
            seen = f"Whoever has the role {' or '.join(wide)} may speak as a service (keystone_service_roles)."
            yield Severity.MEDIUM, seen, "Name a role that services alone have, such as service."
        if chosen.keystone_user == "admin" and not chosen.keystone_application_credential_id:
            said = True
            seen = "Keystone is asked as its admin: whoever reads the settings is one."
            yield Severity.MEDIUM, seen, "Give the service a user of its own, with the role service."
        if not said:
            yield Severity.INFO, "What Keystone says is believed within bounds.", ""


class ClientCertificates(Check):
    """Few may say whose certificate was shown."""

    name, area = "client-certificates", Area.ACCESS
    ADDRESSES_MAX = 256

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        if "certificates" not in deployment.settings.auth_schemes:
            yield Severity.INFO, "No proxy is believed about certificates.", ""
            return
        networks = deployment.settings.proxy_networks()
        wide = [str(each) for each in networks if each.num_addresses > self.ADDRESSES_MAX]
        own = [str(each) for each in networks if each.is_loopback]
        if wide:
            seen = f"Whoever has an address of {', '.join(wide)} may say whose certificate was shown."
            yield Severity.HIGH, seen, "Name the addresses of the proxies in certificates_proxies."
        if own:
            seen = f"Every user of this machine may say whose certificate was shown ({', '.join(own)})."
            yield Severity.LOW, seen, "Let nobody but the proxy and the service run here."
        if not wide and not own:
            yield Severity.INFO, f"{', '.join(map(str, networks))} may say whose certificate was shown.", ""


class ApiTokens(Check):
    """Tokens end, and soon enough."""

    name, area = "api-tokens", Area.ACCESS
    DAYS_MAX = 366
    BELIEVED_SECONDS_MAX = 60
    ADMINS_MAX = 5

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        chosen, tokens = deployment.settings, deployment.tokens
        if "tokens" not in chosen.auth_schemes:
            yield Severity.INFO, "API tokens are not believed.", ""
            return
        if tokens is None:
            yield Severity.INFO, NO_DATABASE, ""
            return
        long = [each for each in tokens if each.life_days > self.DAYS_MAX and each.days_left > 0]
        for each in long:
            severity = Severity.MEDIUM if each.is_admin else Severity.LOW
            whose = "of an admin " if each.is_admin else ""
            seen = f"API token {each.number} {whose}holds for {each.life_days} days."
            yield severity, seen, f"Make one that ends sooner, then `ullage token revoke {each.number}`."
        if chosen.token_seconds_max > self.BELIEVED_SECONDS_MAX:
            seen = f"A revoked API token is believed for {chosen.token_seconds_max:g} s."
            yield Severity.LOW, seen, "Lower token_seconds_max."
        admins = sum(each.is_admin and each.days_left >= 0 for each in tokens)
        if admins > self.ADMINS_MAX:
            seen = f"{admins} API tokens of admins hold: any of them may do everything."
            yield Severity.MEDIUM, seen, "Revoke those that nobody needs, and give services the role service."
        if admins <= self.ADMINS_MAX and not long and chosen.token_seconds_max <= self.BELIEVED_SECONDS_MAX:
            yield Severity.INFO, f"API tokens: {len(tokens)}, none of which holds longer than a year.", ""


class Certificates(Check):
    """Certificates hold, will hold tomorrow, and are strong enough."""

    name, area = "certificates", Area.ENCRYPTION
    DAYS_MIN = 14
    LIFE_PART_MIN = 1 / 3
    """A certificate that is made anew every few days is well until less than this is left of it."""

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        said = [saying for each in deployment.certificates for saying in self._judged(each)]
        if said:
            yield from said
        elif deployment.certificates:
            days = min(each.days_left for each in deployment.certificates)
            yield Severity.INFO, f"Every certificate holds for {int(days)} days at least, and is strong enough.", ""
        else:
            yield Severity.INFO, "No certificates are named by the settings, or shown at --url or by the database.", ""

    def _judged(self, each: CertificateFacts) -> Iterator[Saying]:
        what = f"The certificate {each.subject} ({each.place})"
        anew = "Put a new one in its place; it is noticed without a restart."
        if each.problem:
            yield Severity.HIGH, f"{what} is of no use: {each.problem}.", "Put one that holds in its place."
        elif each.days_left <= 0:
            yield Severity.HIGH, f"{what} ended {int(-each.days_left)} days ago.", anew
        elif each.days_left < min(self.DAYS_MIN, self.LIFE_PART_MIN * each.life_days):
            yield Severity.MEDIUM, f"{what} ends in {int(each.days_left)} days.", anew
        if each.signs_itself:
            remedy = "Have one signed by an authority that clients trust."
            yield Severity.MEDIUM, f"{what} signs itself: clients cannot tell it from another's.", remedy
        elif not each.has_names:
            remedy = "Have one made with the host in subjectAltName."
            yield Severity.MEDIUM, f"{what} names no host where clients look: they refuse it, or look away.", remedy
        if each.weakness:
            yield Severity.HIGH, f"{what} has {each.weakness}.", "Have one made with RSA 2048 or P-256, and SHA-256."
