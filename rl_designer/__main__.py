"""`python -m rl_designer …` is the installed command `rl-designer …`."""

from rl_designer.cli import main

if __name__ == "__main__":
    main()
