"""What mkdocs does to the files of this folder besides."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from plotly.offline import get_plotlyjs


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give each report that the gallery keeps its plotly.js, of 5 MB, again."""
    for file in list(files):
        if file.name == "report" and file.abs_src_path is not None:
            page = Path(file.abs_src_path).read_text(encoding="utf-8")
            page = page.replace("/* plotly.js */", get_plotlyjs())
            files.remove(file)
            files.append(File.generated(config, file.src_uri, content=page))
    return files
