# Turns files into one C table: number (of those whose name begins with one), name and text of each.
# -v table: its declaration; -v header: where that is.
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	if (NR == 1)
		printf "#include \"%s\"\n\nconst %s[] = {\n", header, table
	else
		print "},"
	printf "{"
	if (name ~ /^[0-9]/)
		printf "%d, ", name + 0
	printf "\"%s\",\n", name
}
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	printf "\"%s\\n\"\n", $0
}
END {
	print "},"
	print "{0},\n};"
}
