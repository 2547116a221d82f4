// A React app with prebuilt components. The query of its URL has the publishable key, the address of the
// frontend API and, on the sign-in page, ``page=sign-in``.

import { ClerkProvider, Show, SignIn, UserButton, useUser } from "@clerk/react"
import { createRoot } from "react-dom/client"

const { key, api, page } = Object.fromEntries(new URLSearchParams(location.search))
const address = (more) => `${location.pathname}?${new URLSearchParams({ key, api, ...more })}`

function Home() {
  const { user } = useUser()
  return (
    <main>
      <UserButton showName userProfileUrl="/account" />
      <Show when="signed-in"><h1>{user?.fullName || user?.username}</h1></Show>
      <Show when="signed-out"><h1>Signed out</h1></Show>
    </main>
  )
}

createRoot(document.getElementById("root")).render(
  <ClerkProvider
    publishableKey={key}
    proxyUrl={api}
    __internal_clerkJSUrl={`${location.origin}/sdk/clerk.browser.js`}
    __internal_clerkUIUrl={`${location.origin}/ui/ui.browser.js`}
    signInUrl={address({ page: "sign-in" })}
    signInForceRedirectUrl={address()}
    afterSignOutUrl={address()}
    telemetry={false}
  >
    {page === "sign-in" ? <SignIn routing="hash" /> : <Home />}
  </ClerkProvider>,
)
