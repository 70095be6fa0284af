"""What people install is what the tests have tested: they run from the source."""

from pathlib import Path
from zipfile import ZipFile

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_a_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])

    source = ROOT / "src"
    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    needed = {name for name in files if "__pycache__" not in name}
    assert "worksafe/models/shipped/hazards.onnx" in needed
    assert needed <= set(ZipFile(wheel).namelist())
