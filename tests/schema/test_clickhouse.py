import pytest

from schema.clickhouse import connect
from schema.errors import GigawattError


@pytest.mark.parametrize(
    "url", ["", "nourl", "ftp://host", "http://", "http://host:99999", "http://host:abc", "http://host:0"]
)
def test_what_is_no_address_is_refused_in_one_line(url):
    with pytest.raises(GigawattError, match="is no ClickHouse address; write it as http://host:8123"):
        connect(url)
