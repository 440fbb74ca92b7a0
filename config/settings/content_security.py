"""What a browser may load and run on our pages, and who may show them in a frame.

https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CSP
"""

#: By directive; in the form of Django 6.0. No 'unsafe-inline' and no 'unsafe-eval': what somebody manages to write into
#: a page is not run.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],  # data: for the small pictures in the style sheets of the admin and the API's page
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "frame-src": ["'self'"],  # how an announcement will look
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
