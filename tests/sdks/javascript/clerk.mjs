// Runs @clerk/backend in a test: clerk.mjs ACT reads its parameters from GIVEN and prints the results as JSON.

import { createClerkClient, verifyToken } from "@clerk/backend"
import { isClerkAPIResponseError } from "@clerk/backend/errors"
import { verifyWebhook } from "@clerk/backend/webhooks"
import { validateReverificationConfig } from "@clerk/shared/authorization"
import { isReverificationHint } from "@clerk/shared/authorization-errors"

const [act] = process.argv.slice(2)
const given = JSON.parse(process.env.GIVEN)
const client = (secretKey) =>
  createClerkClient({
    secretKey,
    apiUrl: given.endpoint,
    publishableKey: given.publishable_key,
    telemetry: { disabled: true },
  })
const clerk = client(given.api_key)

const idsOf = ({ data, totalCount }) => ({ ids: data.map((one) => one.id), totalCount })

async function refusal(call) {
  try {
    await call()
  } catch (error) {
    if (!isClerkAPIResponseError(error)) throw error
    const [{ code, message, longMessage, meta }] = error.errors
    return { code, message, longMessage, param: meta?.paramName, status: error.status, trace: error.clerkTraceId }
  }
  throw new Error("not refused")
}

async function sessions() {
  const { user } = given
  const created = await clerk.sessions.createSession({ userId: user })
  const { id } = created
  const { jwt } = await clerk.sessions.getToken(id)
  return {
    created,
    got: await clerk.sessions.getSession(id),
    jwt,
    "longer jwt": (await clerk.sessions.getToken(id, undefined, 120)).jwt,
    verified: await clerk.sessions.verifySession(id, jwt),
    revoked: await clerk.sessions.revokeSession(id),
    again: await clerk.sessions.revokeSession(id),
    "token after": await refusal(() => clerk.sessions.getToken(id)),
    "verified after": await refusal(() => clerk.sessions.verifySession(id, jwt)),
  }
}

async function lists() {
  const { user: userId, client: clientId } = given
  const list = async (filters) => idsOf(await clerk.sessions.getSessionList(filters))
  return {
    "of the user": await list({ userId }),
    "a page": await list({ userId, limit: 2, offset: 1 }),
    "of the client": await list({ clientId }),
    "of both": await list({ userId, clientId }),
    revoked: await list({ userId, status: "revoked" }),
    "of nobody": await list({ userId: "user_0" }),
    unfiltered: await refusal(() => clerk.sessions.getSessionList()),
  }
}

async function refresh() {
  const asked = {
    expired_token: given.expired,
    refresh_token: given.refresh,
    request_origin: "http://localhost:3000",
    request_headers: { "x-test": ["1"] },
    request_originating_ip: "127.0.0.1",
    suffixed_cookies: given.format === "cookie",
    format: given.format,
  }
  const call = () => clerk.sessions.refreshSession(given.session, asked)
  return { answer: await call(), again: await refusal(call) }
}

async function clients() {
  return {
    list: await clerk.clients.getClientList(),
    got: await clerk.clients.getClient(given.client),
    verified: await clerk.clients.verifyClient(given.client_token),
    "not a token": await refusal(() => clerk.clients.verifyClient("x.y.z")),
    missing: await refusal(() => clerk.clients.getClient("client_missing")),
  }
}

async function templates() {
  const made = await clerk.jwtTemplates.create(given.template)
  const got = await clerk.jwtTemplates.get(made.id)
  const { jwt } = await clerk.sessions.getToken(given.session, made.name)
  const updated = await clerk.jwtTemplates.update({
    templateId: made.id,
    name: "other",
    claims: { b: 2 },
    lifetime: 90,
    allowedClockSkew: 0,
  })
  return {
    made,
    got,
    jwt,
    updated,
    list: idsOf(await clerk.jwtTemplates.list()),
    reserved: await refusal(() => clerk.jwtTemplates.create({ name: "r", claims: { sub: "x" } })),
    taken: await refusal(() => clerk.jwtTemplates.create({ name: "other", claims: {} })),
    deleted: await clerk.jwtTemplates.delete(made.id),
    missing: await refusal(() => clerk.jwtTemplates.get(made.id)),
  }
}

async function tickets() {
  const { user: userId, actor } = given
  const signIn = await clerk.signInTokens.createSignInToken({ userId, expiresInSeconds: 60 })
  const impersonation = await clerk.actorTokens.create({ userId, actor, sessionMaxDurationInSeconds: 600 })
  return {
    "sign in": signIn,
    "sign in revoked": await clerk.signInTokens.revokeSignInToken(signIn.id),
    "sign in revoked again": await refusal(() => clerk.signInTokens.revokeSignInToken(signIn.id)),
    actor: impersonation,
    "actor revoked": await clerk.actorTokens.revoke(impersonation.id),
    "actor revoked again": await refusal(() => clerk.actorTokens.revoke(impersonation.id)),
  }
}

async function mint() {
  return {
    session: (await clerk.sessions.getToken(given.session)).jwt,
    template: given.template && (await clerk.sessions.getToken(given.session, given.template)).jwt,
  }
}

// The SDK's objects keep every member of the JSON, but fullName and similar ones are getters.
async function user() {
  const found = await clerk.users.getUser(given.user)
  return { ...JSON.parse(JSON.stringify(found)), fullName: found.fullName, email: found.primaryEmailAddress }
}

async function errors() {
  return {
    "missing session": await refusal(() => clerk.sessions.getSession("sess_missing")),
    "missing user": await refusal(() => clerk.sessions.createSession({ userId: "user_missing" })),
    "no user": await refusal(() => clerk.sessions.createSession({})),
    "bad limit": await refusal(() => clerk.sessions.getSessionList({ userId: given.user, limit: 501 })),
    "bad key": await refusal(() => client("sk_test_wrong").sessions.getSession("sess_missing")),
    "no such route": await refusal(() => clerk.organizations.getOrganization({ organizationId: "org_1" })),
  }
}

// Each of ``given.tries`` is a token with options. Returns its claims, or the reason of the refusal.
async function verify() {
  const tried = async ({ token, options }) => {
    try {
      return await verifyToken(token, { apiUrl: given.endpoint, ...options })
    } catch (error) {
      if (!error.reason) throw error
      return error.reason
    }
  }
  return Promise.all(given.tries.map(tried))
}

// Each of ``given.tries`` is headers with options. Returns how an app's server authenticates such a request.
async function authenticate() {
  const tried = async ({ headers, options }) => {
    const request = new Request(given.url, { headers })
    const state = await clerk.authenticateRequest(request, options)
    const auth = state.toAuth()
    return {
      status: state.status,
      reason: state.reason,
      userId: auth?.userId ?? null,
      sessionId: auth?.sessionId ?? null,
      sessionStatus: auth?.sessionStatus ?? null,
      actor: auth?.actor ?? null,
      location: state.headers.get("location"),
      cookies: state.headers.getSetCookie(),
    }
  }
  return Promise.all(given.tries.map(tried))
}

async function webhooks() {
  const { headers, secret: signingSecret } = given
  const result = (body) =>
    verifyWebhook(new Request("http://localhost/hook", { method: "POST", headers, body }), { signingSecret }).then(
      ({ type, data }) => ({ type, status: data.status, user: data.user.id }),
      () => "refused",
    )
  return { whole: await result(given.body), changed: await result(given.body.replace("active", "actipe")) }
}

// As ``useReverification`` reads the result of a call.
function hints() {
  return given.bodies.map((body) =>
    isReverificationHint(body) ? validateReverificationConfig(body.clerk_error.metadata.reverification)() : null,
  )
}

const acts = {
  sessions,
  lists,
  refresh,
  clients,
  templates,
  "make template": () => clerk.jwtTemplates.create(given.template),
  tickets,
  mint,
  user,
  jwks: () => clerk.jwks.getJwks(),
  errors,
  verify,
  authenticate,
  webhooks,
  hints,
}
console.log(JSON.stringify(await acts[act]()))
