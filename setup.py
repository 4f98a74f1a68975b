"""What pyproject.toml can't say: ``conf/`` is installed inside the package, as ``grok/conf``."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["grok*", "hydra_plugins*"]), "grok.conf"],
    package_dir={"grok.conf": "conf"},
)
