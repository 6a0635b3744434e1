from __future__ import annotations

import pytest

from services.router.header.host_names import organisational_domain


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("mx1.mail.isp.example", "isp.example"),
        ("isp.example.", "isp.example"),
        ("mx.isp.co.uk", "isp.co.uk"),
        ("co.uk", "co.uk"),
        ("mx.provider.de", "provider.de"),
        ("mx.web.de", "web.de"),
        ("mx.isp.com.de", "isp.com.de"),
        ("mx.abc.fr", "mx.abc.fr"),
        ("localhost", ""),
        ("10.0.0.1", ""),
        ("[10.0.0.1]", ""),
        ("", ""),
    ],
)
def test_the_organisational_domain_of_a_host(host: str, domain: str) -> None:
    assert organisational_domain(host) == domain
