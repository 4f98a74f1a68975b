"""What mkdocs does to the files of this folder besides."""

import json
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from grok.analysis import report


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Make the page of each sweep of which the gallery keeps what fills it."""
    for file in list(files):
        if file.name == "report" and file.abs_src_path is not None:
            filling = json.loads(Path(file.abs_src_path).read_text(encoding="utf-8"))
            page = str(PurePosixPath(file.src_uri).with_name(report.NAME))
            files.remove(file)
            files.append(File.generated(config, page, content=report.filled(filling)))
    return files
