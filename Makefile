.PHONY: demo check format
demo check:
	./$@
format:
	scripts/format
