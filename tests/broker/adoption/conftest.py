from tests.broker.worker.conftest import formation_of

__all__ = ["formation_of"]
