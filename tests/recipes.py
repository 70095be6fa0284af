"""Where the recipes are that the package ships."""

from pathlib import Path

RECIPES = Path(__file__).parents[1] / "src" / "worksafe" / "training" / "configs"
