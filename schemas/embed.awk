# Turns the numbered SQL files into one C table: number, name and text of each.
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	number = name + 0
	if (NR == 1)
		print "#include \"schema.h\"\n\nconst struct schema_file schema_files[] = {"
	else
		print "},"
	printf "{%d, \"%s\",\n", number, name
}
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	printf "\"%s\\n\"\n", $0
}
END {
	print "},\n{0, 0, 0},\n};"
}
