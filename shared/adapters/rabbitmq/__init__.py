"""RabbitMQ behind the broker port, through pika's asyncio adapter; nothing else in Mailferry knows pika.

One connection publishes, one consumes. Anything that goes wrong ends the session. The next session connects,
declares the topology and subscribes again.
"""

from shared.adapters.rabbitmq.broker import RabbitMqBroker
from shared.adapters.rabbitmq.declare import TopologyMismatch
from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.adapters.rabbitmq.topology import topology_apply, topology_check

__all__ = ["RabbitMqBroker", "RabbitMqSettings", "TopologyMismatch", "topology_apply", "topology_check"]
