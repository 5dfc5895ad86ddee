"""Guards submissions against the death of the gateway: a client that repeats its request gets one task, no more."""

import pytest

from tests.broker.worker.client import API_KEYS, Client
from tests.broker.worker.harness import TENANT, Formation
from tests.servers import own_port


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_gateway_that_dies_in_mid_submit_makes_no_second_task(formation: Formation, when: str) -> None:
    """The key's first request counts as dead after a second here."""
    port, point = own_port(), formation.file("point")
    formation.gateway(port, API_KEYS=API_KEYS, TEST_RUNNING=1, TEST_POINT=f"submit:{when}:kill:{point}")
    client = Client(f"http://127.0.0.1:{port}")
    task_id = client.submit()
    assert point.exists() and client.repeats
    assert [task.id for task in formation.broker.tasks.page(TENANT).tasks] == [task_id]
