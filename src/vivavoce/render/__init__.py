"""render: `Face` + `Motion` → frames."""
