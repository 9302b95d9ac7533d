"""What the systems are, read from what each says of itself."""

from vivavoce.systems.listing import listed

for system in listed():
    needs = " and ".join(" or ".join(choice) for choice in system.needs)
    options = ", ".join(option.name for option in system.options) or "none"
    print(f"{system.name}: needs {needs}; gives {', '.join(system.gives)}; options: {options}")
