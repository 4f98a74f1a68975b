"""Registers the launcher's settings."""

from hydra.core.config_store import ConfigStore

from grok.launch.settings import Stacked

ConfigStore.instance().store(
    group="hydra/launcher", name="stacked", node=Stacked, provider="stacked_launcher"
)
