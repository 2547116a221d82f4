// A React app that shows the signed-in user and has sign-in, account switching and sign-out.
// The query of its URL has the publishable key and the address of the frontend API.

import { ClerkProvider, useAuth, useClerk, useSessionList, useUser } from "@clerk/react"
import { useState } from "react"
import { createRoot } from "react-dom/client"

const given = Object.fromEntries(new URLSearchParams(location.search))

function SignInForm() {
  const clerk = useClerk()
  const [refusal, setRefusal] = useState("")
  async function signIn(event) {
    event.preventDefault()
    const { identifier, password } = Object.fromEntries(new FormData(event.target))
    try {
      const attempt = await clerk.client.signIn.create({ strategy: "password", identifier, password })
      await clerk.setActive({ session: attempt.createdSessionId })
      setRefusal("")
    } catch (error) {
      setRefusal(error.message)
    }
  }
  return (
    <form onSubmit={signIn}>
      <label>Username <input name="identifier" /></label>
      <label>Password <input name="password" type="password" /></label>
      <button>Sign in</button> <output>{refusal}</output>
    </form>
  )
}

function Accounts() {
  const { isLoaded, isSignedIn, sessionId, signOut } = useAuth()
  const { user } = useUser()
  const { sessions, setActive } = useSessionList()
  if (!isLoaded || !sessions) return <p>Loading</p>
  return (
    <main>
      <h1>{isSignedIn ? `In use: ${user.username}` : "Signed out"}</h1>
      <ul>
        {sessions.map((session) => (
          <li key={session.id}>
            {session.user.username} {session.id === sessionId && "(in use) "}
            <button onClick={() => setActive({ session: session.id })}>Switch to {session.user.username}</button>
            <button onClick={() => signOut({ sessionId: session.id, redirectUrl: location.href })}>
              Sign out {session.user.username}
            </button>
          </li>
        ))}
      </ul>
      <SignInForm />
    </main>
  )
}

createRoot(document.getElementById("root")).render(
  <ClerkProvider
    publishableKey={given.key}
    proxyUrl={given.api}
    __internal_clerkJSUrl={`${location.origin}/sdk/clerk.browser.js`}
    prefetchUI={false}
    telemetry={false}
    routerPush={() => {}}
    routerReplace={() => {}}
  >
    <Accounts />
  </ClerkProvider>,
)
