"""Files for web hosts: headers, an nginx configuration, robots.txt."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.publish.policy import policy

NGINX = """\
# Include this in a server block whose root is this folder: include /srv/guide/site/nginx.conf;
charset utf-8;
gzip_static on;
gzip_vary on;
# A file that bears a hash in its name never changes; all else is asked for again.
set $caching "no-cache";
if ($uri ~ "\\.[0-9a-f]{8,10}\\.(min\\.)?(css|js|json)$") { set $caching "public, max-age=31536000, immutable"; }
add_header Cache-Control $caching;
HEADERS
error_page 404 /404.html;
location /zh/ { error_page 404 /zh/404.html; }
location ~ /nginx\\.conf$ { return 404; }
"""


def files(hashes: list[str], address: str) -> Iterator[tuple[str, str]]:
    """Name and text of each file, given the hashes of all pages' inline scripts and the site's public address."""
    headers = {
        "Content-Security-Policy": policy(hashes) + "; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    yield "_headers", "/*\n" + "".join(f"  {name}: {value}\n" for name, value in headers.items())
    lines = "\n".join(f'add_header {name} "{value}" always;' for name, value in headers.items())
    yield "nginx.conf", NGINX.replace("HEADERS", lines)
    sitemaps = [f"Sitemap: {address}{edition}sitemap.xml\n" for edition in ("", "zh/")] if address else []
    yield "robots.txt", "User-agent: *\nAllow: /\n" + "".join(sitemaps)
