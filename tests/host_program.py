"""A host project's module, with everything that the documentation shows to hosts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, assert_type

from django.contrib.auth.models import User
from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet

from client_sessions import resources
from client_sessions.authentication import ApiKeyAuthentication, ClientSessionAuthentication
from client_sessions.decorators import ClientSessionRequest, client_session_required
from client_sessions.filters import GrantedFilterBackend, UserIdentifierKeyMixin
from client_sessions.models import Action, ClientSession, Terms
from client_sessions.permissions import HasClientSession, HasCredential
from client_sessions.scoping import GrantedQuerySet, visible_to
from sessions_core.models import Workspace
from user_sessions.authentication import SessionTokenAuthentication
from user_sessions.clerk.cookies import publishable_key
from user_sessions.decorators import SessionRequest, session_required
from user_sessions.freshness import Freshness
from user_sessions.guards import SignedIn, aauthenticate_request, authenticate_request
from user_sessions.models import UserSession
from user_sessions.password_changes import keep_session
from user_sessions.permissions import verified_within_permission
from user_sessions.profiles import UserProfile, default_profile
from user_sessions.requirements import Requirement, default_requirement
from user_sessions.second_factors import FactorKind, SecondFactor
from user_sessions.step_up import verified_within
from user_sessions.tokens.session_tokens import session_token
from user_sessions.users import is_ordinary
from user_sessions.verify import JwksUrl, KeySet, KeysUnavailable, SessionClaims, TokenRejected, Verifier


class Door(Model):
    objects: ClassVar[Manager["Door"]] = Manager()

    class Meta:
        app_label = "doors"

    def __str__(self) -> str:
        return str(self.pk)


class DoorQuerySet(GrantedQuerySet[Door]):
    pass


class DoorSerializer(ModelSerializer[Door]):
    class Meta:
        model = Door
        fields = ["id"]


resources.register("door", Door, workspace=None, through=["building"])


class Doors(UserIdentifierKeyMixin, ReadOnlyModelViewSet[Door]):
    queryset = Door.objects.order_by("pk")
    serializer_class = DoorSerializer
    authentication_classes = [ClientSessionAuthentication, ApiKeyAuthentication]
    permission_classes = [HasCredential & HasClientSession, verified_within_permission(minutes=10)]
    filter_backends = [GrantedFilterBackend]

    def doors(self) -> None:
        assert_type(self.filter_queryset(self.get_queryset()), QuerySet[Door])


@client_session_required
def plain(request: ClientSessionRequest, floor: int = 0) -> HttpResponse:
    assert_type(request.auth, ClientSession)
    assert_type(visible_to(request.auth, Door.objects.all(), action=Action.CONTROL), QuerySet[Door])
    assert_type(DoorQuerySet(Door).granted_to(request.auth, action=Action.READ), DoorQuerySet)
    return HttpResponse()


@client_session_required
async def later(request: HttpRequest, floor: int) -> HttpResponse:
    return HttpResponse()


@verified_within(minutes=10)
def sensitive(request: HttpRequest, floor: int = 0) -> HttpResponse:
    return HttpResponse()


async def called(request: HttpRequest) -> None:
    assert_type(sensitive(request, floor=1), HttpResponse)
    sensitive(request, floor="1")  # type: ignore[arg-type]
    assert_type(plain(request, floor=1), HttpResponse | JsonResponse)
    assert_type(await later(request, 1), HttpResponse | JsonResponse)
    plain(request, floor="1")  # type: ignore[arg-type]
    await later(request)  # type: ignore[call-arg]


class Tokens(SessionTokenAuthentication):
    session_freshness = "cached"


@session_required
def signed_in(request: SessionRequest, floor: int = 0) -> HttpResponse:
    assert_type(request.auth, SessionClaims)
    assert_type(request.user_session, UserSession)
    return HttpResponse(request.user.username)


@session_required(freshness=Freshness.NETWORKLESS)
def networkless(request: HttpRequest, floor: int) -> JsonResponse:
    return JsonResponse({})


@session_required(freshness="cached")
async def signed_in_later(request: HttpRequest, floor: int) -> HttpResponse:
    assert_type(await aauthenticate_request(request), SignedIn)
    return HttpResponse()


async def signed_in_called(request: HttpRequest) -> None:
    assert_type(signed_in(request, floor=1), HttpResponse | JsonResponse)
    assert_type(networkless(request, 1), JsonResponse)
    assert_type(await signed_in_later(request, 1), HttpResponse | JsonResponse)
    assert_type(authenticate_request(request, freshness="strict").user_session, UserSession)
    networkless(request, floor="1")  # type: ignore[arg-type]
    await signed_in_later(request)  # type: ignore[call-arg]


def grant(workspace: Workspace, at: datetime) -> None:
    session = ClientSession.objects.start(workspace, actor="backend", wanted={"door": ["1"]})
    assert_type(session, ClientSession)
    assert_type(session.token, str)
    session.grant({"door": ["1"]}, terms=Terms(actions=[Action.READ], until=at), actor="backend")
    session.revoke_access({"door": ["1"]}, actor="backend")
    assert_type(session.revoke(actor="backend"), bool)


def sign_in(workspace: Workspace, user: User, at: datetime) -> None:
    session = UserSession.objects.start(workspace, user, actor="the shop", at=at)
    assert_type(session, UserSession)
    assert_type(UserSession.of_id(workspace, "sess_1"), UserSession | None)
    minting = UserSession.minting(workspace, session.pk, at=at)
    assert_type(minting, UserSession | None)
    if minting is not None:
        assert_type(session_token(minting, at=at), str)
    with keep_session(session) as kept:
        assert_type(kept, None)
    for verb in (session.end, session.revoke, session.replace, session.remove):
        assert_type(verb(actor="the shop", reason="a stolen phone"), bool)
    assert_type(session.require("terms", actor="the shop") and session.fulfil("terms", actor="the shop"), bool)
    assert_type(session.touch(), bool)
    for each in UserSession.objects.in_workspace(workspace).of_user(user):
        assert_type(each, UserSession)
    UserSession.objects.in_workspace(workspace).of_user(user).revoke(actor="the shop", reasons="")  # type: ignore[call-arg]
    assert_type(publishable_key(workspace), str)


def profile(user: User) -> UserProfile:
    assert_type(default_profile(user), UserProfile)
    return UserProfile(created_at=user.date_joined, updated_at=user.date_joined)


def requirement(user: User, identifier: str, request: HttpRequest) -> Requirement:
    assert_type(is_ordinary(user), bool)
    if user.is_staff:
        return Requirement(refusal="Staff sign in elsewhere.")
    pager = SecondFactor(FactorKind.TOTP, lambda code: code == "123456")
    assert_type(default_requirement(user, identifier, request), Requirement)
    return Requirement(second_factors=[pager], tasks=["terms"])


def verify(url: str, token: str, jwks: dict[str, Any]) -> SessionClaims | str:
    keys = JwksUrl(url, headers={"Authorization": "Bearer 1"}, max_age=timedelta(minutes=1))
    verifier = Verifier(keys=keys, issuer=url, authorized_parties=[url], audience="shop", skew=timedelta(seconds=5))
    assert_type(Verifier(keys=KeySet.from_jwks(jwks), issuer=url).verify(token).impersonator, Mapping[str, Any] | None)
    assert_type(KeySet.from_pem("", algorithm="RS256"), KeySet)
    try:
        return verifier.verify(token)
    except TokenRejected as reason:
        return reason.code
    except KeysUnavailable:
        return ""
