"""Makes a wheel of the stand-in and the contract beside it."""

import pathlib
import zipfile

HERE = pathlib.Path(__file__).parent
NAME = "infrared-0"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel = f"{NAME}-py3-none-any.whl"
    info = f"{NAME}.dist-info"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / wheel, "w") as archive:
        archive.write(HERE / "stand_in.py", "infrared_stand_in/__init__.py")
        for contract in sorted((HERE / "contract").glob("*.json")):
            archive.write(contract, f"infrared_stand_in/{contract.name}")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: infrared\nVersion: 0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/entry_points.txt", "[console_scripts]\ninfrared = infrared_stand_in:main\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel
