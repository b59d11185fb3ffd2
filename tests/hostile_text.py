"""What an id, a class or a note may hold, and a page must show as it is."""

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "<!-- <script>",
    "a\u2028b\u2029c",
    "\udc80 lone",
    "\u202eright to left",
    "🩻 emoji",
    '"quoted" & \\back\\',
    "x" * 300,
    "",
]
