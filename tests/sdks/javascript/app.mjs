// An app's server that authenticates each request with @clerk/backend. Parameters are in GIVEN. It prints its port and
// responds with the signed-in user as JSON.

import { createServer } from "node:http"

import { createClerkClient } from "@clerk/backend"

const given = JSON.parse(process.env.GIVEN)
const clerk = createClerkClient({
  secretKey: given.api_key,
  publishableKey: given.publishable_key,
  apiUrl: given.backend_api,
  telemetry: { disabled: true },
})

async function answer(incoming, response) {
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, { headers: incoming.headers })
  const state = await clerk.authenticateRequest(request, { proxyUrl: given.endpoint, clockSkewInMs: 1 })
  const headers = { "set-cookie": state.headers.getSetCookie() }
  for (const [name, value] of state.headers) if (name !== "set-cookie") headers[name] = value
  if (headers.location) return response.writeHead(307, headers).end()
  const { userId = null, sessionId = null } = state.toAuth() ?? {}
  headers["content-type"] = "application/json"
  response.writeHead(200, headers).end(JSON.stringify({ status: state.status, userId, sessionId }))
}

const server = createServer((incoming, response) =>
  answer(incoming, response).catch((error) => response.writeHead(500).end(String(error.stack))),
)
server.listen(0, "127.0.0.1", () => console.log(server.address().port))
