from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.candidate import Way
from shared.autoconfig.client_config import ClientConfig, Server, candidates_of, parse_client_config
from shared.autoconfig.ispdb import (
    by_domain,
    config_of_domain,
    config_of_exchanger,
    ispdb,
    read_data,
    written_data,
)
from shared.model.address import Address, normal_domain
from shared.model.endpoint import Tls
from tests.fakes.autoconfig_documents import document

configs = st.builds(
    ClientConfig,
    name=st.text(max_size=10),
    domains=st.lists(st.sampled_from(["a.example", "b.example", "c.example"]), min_size=1).map(tuple),
    servers=st.lists(
        st.builds(
            Server,
            protocol=st.sampled_from(["imap", "pop3"]),
            host=st.text(max_size=10),
            port=st.integers(1, 65535),
            tls=st.sampled_from(Tls),
            username=st.text(max_size=10),
            methods=st.lists(st.text(max_size=5), max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)


@given(st.lists(configs, max_size=4))
def test_what_is_written_is_read_again(given_configs: list[ClientConfig]) -> None:
    read = read_data(written_data(given_configs))
    assert sorted(read, key=repr) == sorted(given_configs, key=repr)


def test_a_domain_that_two_providers_name_is_the_first_ones() -> None:
    first = parse_client_config(document(name="first"))
    second = parse_client_config(document(name="second"))
    assert by_domain([first, second])["isp.example"].name == "first"


def test_the_data_has_providers_whose_servers_can_all_be_used() -> None:
    assert len({id(config) for config in ispdb().values()}) >= 40
    for domain, config in ispdb().items():
        assert domain == normal_domain(domain)
        found = candidates_of(config, Address("bob", domain), Way.ISPDB)
        assert len(found) == len(config.servers)


def test_a_provider_is_found_by_its_domain_and_by_a_host_below_it() -> None:
    assert config_of_domain("kpnmail.nl") is not None
    assert config_of_domain("mx.kpnmail.nl") is None
    assert config_of_exchanger("MX.kpnmail.nl.") is config_of_domain("kpnmail.nl")
    assert config_of_exchanger("kpnmail.nl.corp.example") is None
    assert config_of_exchanger("nl") is None
