/* What models say, and the answer that is in it. A is the answer, D a draft that fits as well. */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/clock.h"
#include "weir/llm.h"

#define A "{\"label\": \"good\", \"score\": 0.5}"
#define D "{\"label\": \"bad\", \"score\": -1}"
#define GOOD "{\"label\":\"good\",\"score\":0.5}"

/* Of one of several companies. */
#define OF(WHO, LABEL, SCORE)                                                                      \
	"{\"company\": \"" WHO "\", \"label\": \"" LABEL "\", \"score\": " SCORE "}"
#define DIFFER "there are several that differ"

#define TEMPLATE                                                                                   \
	"user: u\nfields:\n"                                                                       \
	"  label: {type: text, values: [good, bad]}\n"                                             \
	"  score: {type: number, least: -1, most: 1}\n"                                            \
	"  count: {type: integer, optional: true}\n"                                               \
	"  sure: {type: boolean, optional: true}\n"                                                \
	"  tags: {type: list, of: text, optional: true}\n"                                         \
	"  sizes: {type: list, of: integer, optional: true}\n"                                     \
	"  why: {type: text, optional: true}\n"

static const struct {
	const char *said;
	const char *kept; /* NULL: it is asked again, told... */
	const char *why;
} rows[] = {
	/* Around it. */
	{A, GOOD, NULL},
	{"\n\n \t" A "\n\n\n", GOOD, NULL},
	{"\xEF\xBB\xBF" A, GOOD, NULL},
	{"\xE2\x80\x8B" A "\xE2\x80\x8B", GOOD, NULL},
	{"\xC2\xA0\n" A "\xC2\xA0", GOOD, NULL},
	{"Here is the JSON you asked for:\n\n" A, GOOD, NULL},
	{A "\n\nLet me know if you need anything else!", GOOD, NULL},
	{"Sure! It's:\n" A "\nI hope this helps.", GOOD, NULL},
	{"Answer: " A, GOOD, NULL},
	{"json\n" A, GOOD, NULL},
	{"The fields {as in {the schema}} are:\n" A, GOOD, NULL},
	{A "\nNote: values in {braces} are mine. :-}", GOOD, NULL},
	{"I set {label: a word, score: a number} so:\n" A, GOOD, NULL},
	{"```json\n" A "\n```", GOOD, NULL},
	{"```\n" A "\n```", GOOD, NULL},
	{"```JSON " A " ```", GOOD, NULL},
	{"````json\n" A "\n````", GOOD, NULL},
	{"~~~json\n" A "\n~~~", GOOD, NULL},
	{"'''json\n" A "\n'''", GOOD, NULL},
	{"```json\n" A, GOOD, NULL},
	{A "\n```", GOOD, NULL},
	{"```python\nanswer = " A "\n```", GOOD, NULL},
	{"`" A "`", GOOD, NULL},
	{"<json>\n" A "\n</json>", GOOD, NULL},
	{"<answer>" A "</answer>", GOOD, NULL},
	{"\\boxed{" A "}", GOOD, NULL},
	/* Special tokens. */
	{A "<|im_end|>", GOOD, NULL},
	{"<|im_start|>assistant\n" A "<|im_end|>", GOOD, NULL},
	{A "<|eot_id|>", GOOD, NULL},
	{"<s> " A "</s>", GOOD, NULL},
	{A "<end_of_turn>", GOOD, NULL},
	{A "<\xEF\xBD\x9C"
	   "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
	 GOOD, NULL},
	{"<|channel|>final<|message|>" A, GOOD, NULL},
	{"<|channel|>final json<|message|>" A "<|return|>", GOOD, NULL},
	{"<|channel|>analysis<|message|>Perhaps " D ".<|end|><|start|>assistant<|channel|>final"
	 "<|message|>" A "<|return|>",
	 GOOD, NULL},
	{"<|channel|>analysis<|message|>Perhaps " D ".<|end|>" A, GOOD, NULL},
	{"<|channel|>analysis<|message|>" D "<|channel|>final<|message|>" A, GOOD, NULL},
	{"<|channel|>analysis<|message|>Perhaps " A ".<|end|>", NULL, "is empty"},
	{"analysisPerhaps " D ".assistantfinal" A, GOOD, NULL},
	{"analysis of it: " A, GOOD, NULL},
	/* Thoughts. */
	{"<think>\nOne object. Easy.\n</think>\n\n" A, GOOD, NULL},
	{"<think>\nFirst: " D "\nNo.\n</think>\n\n" A, GOOD, NULL},
	{"<think>\n```json\n" D "\n```\nHmm.\n</think>\n```json\n" A "\n```", GOOD, NULL},
	{"<think>\n\n</think>\n\n" A, GOOD, NULL},
	{"<think>One. " D "</think>\n<think>Two.</think>\n" A, GOOD, NULL},
	{"<THINK>" D "</Think>" A, GOOD, NULL},
	{"Okay, perhaps " D " or so.\n</think>\n\n" A, GOOD, NULL},
	{A "\n<think>Was that right? " D "</think>", GOOD, NULL},
	{"<thinking>Perhaps " D ".</thinking>\n" A, GOOD, NULL},
	{"<reasoning>Perhaps " D ".</reasoning>\n" A, GOOD, NULL},
	{"[THINK]Perhaps " D ".[/THINK]" A, GOOD, NULL},
	{"\xE2\x97\x81think\xE2\x96\xB7Perhaps " D ".\xE2\x97\x81/think\xE2\x96\xB7" A, GOOD, NULL},
	{"<seed:think>" D "</seed:think>" A, GOOD, NULL},
	{"<think>\nPerhaps " D " would do, but", NULL, "thinking, which does not end"},
	{"<think>\nOne object.\n\n" A, NULL, "thinking, which does not end"},
	{"<think>" D "</think>", NULL, "is empty"},
	{"<think>" D "</think>I cannot say.", NULL, "there is none in this"},
	{A "<think>but", NULL, "thinking, which does not end"},
	/* Within something else. */
	{"[" A "]", GOOD, NULL},
	{"{\"result\": " A "}", GOOD, NULL},
	{"{\"output\": {\"json\": " A "}}", GOOD, NULL},
	{"{\"status\": \"ok\", \"result\": " A "}", GOOD, NULL},
	{"{\"name\": \"answer\", \"arguments\": " A "}", GOOD, NULL},
	{"{\"type\": \"object\", \"properties\": " A ", \"required\": []}", GOOD, NULL},
	{"{\"results\": [" A "]}", GOOD, NULL},
	{"{\"results\": [" A ", " A "]}", GOOD, NULL},
	{"{\"first\": " D ", \"second\": " A "}", NULL, "several in it, which differ"},
	{"{\"results\": [" D ", " A "]}", NULL, "several in it, which differ"},
	{"{\"a\": {\"b\": {\"c\": {\"d\": " A "}}}}", NULL, "\"label\" is missing"},
	{"{\"type\":\"object\",\"properties\":{\"label\":{\"type\":\"string\"},\"score\":{\"type\":"
	 "\"number\"}}}",
	 NULL, "\"label\" has to be a string"},
	{"{\"type\":\"object\",\"properties\":{\"label\":{\"type\":\"string\"}}}\n\n" A, GOOD,
	 NULL},
	{"\"{\\\"label\\\": \\\"good\\\", \\\"score\\\": 0.5}\"", GOOD, NULL},
	{"{\\\"label\\\": \\\"good\\\",\\n \\\"score\\\": 0.5}", GOOD, NULL},
	{"{\"result\": \"{\\\"label\\\": \\\"good\\\", \\\"score\\\": 0.5}\"}", GOOD, NULL},
	{"{\"type\":\"object\",\"properties\":{\"label\":{\"type\":\"string\",\"minLength\":1,"
	 "\"maxLength\":9},\"score\":{\"type\":\"number\",\"minimum\":-1,\"maximum\":1}},"
	 "\"required\":[\"label\",\"score\"],\"additionalProperties\":false}\n\n" A,
	 GOOD, NULL},
	/* Several. */
	{A "\n" A, GOOD, NULL},
	{D "\n" A, GOOD, NULL},
	{D A, GOOD, NULL},
	{D "\n\nWait, that is wrong. The corrected answer:\n\n" A, GOOD, NULL},
	{"First:\n```json\n" D "\n```\nCorrected:\n```json\n" A "\n```", GOOD, NULL},
	{"For example " D " for a bad one. Here:\n" A, GOOD, NULL},
	{A "\n\nAnother text would give, for example:\n\n" D, NULL, DIFFER},
	{A "\n\nUser: And the next one?\nAssistant: " D, GOOD, NULL},
	{A "<|im_end|>\n<|im_start|>user\nnext<|im_end|>" D, GOOD, NULL},
	{"User: " D "\nAssistant: " A, GOOD, NULL},
	/* What opens the last one says that it is the answer. */
	{D "\nActually, let me correct that: " A, GOOD, NULL},
	{D "\n\nFinal answer: " A, GOOD, NULL},
	{D "\n\n**Final Answer:**\n\n" A, GOOD, NULL},
	{D "\n\n\xE2\x9C\x85 Corrected JSON:\n```json\n" A "\n```\nDone.", GOOD, NULL},
	{D "\nHmm, that\xE2\x80\x99s not right.\n" A, GOOD, NULL},
	{D "\nWait, I made a mistake. Here is the revised version:\n" A, GOOD, NULL},
	{D "\n\nHowever, after re-evaluating I realized I made a mistake on the tone of the second "
	   "part. Here is the corrected response:\n\n" A,
	 GOOD, NULL},
	{"First draft:\n" D "\nI looked again at the numbers.\nAnswer: " A, GOOD, NULL},
	{"Initial thought: " D "\nTherefore:\n" A, GOOD, NULL},
	{D "\n" D "\nFinal: " A, GOOD, NULL},
	{A "\n" D "\nCorrected:\n" A, GOOD, NULL},
	{A "\nFinal answer:\n" A, GOOD, NULL},
	{A "\nIf it were bad news I would say the same: " A, GOOD, NULL},
	{"```json\n" D "\n```\n\n```json\n" A "\n```", GOOD, NULL},
	{D "\nWait, that is wrong: " D, "{\"label\":\"bad\",\"score\":-1}", NULL},
	/* It says something else, or nothing that is known. */
	{A "\nIf it were bad news I would say: " D, NULL, DIFFER},
	{A "\nHad the text been worse, it'd be " D, NULL, DIFFER},
	{A "\nA negative text would have been: " D, NULL, DIFFER},
	{A " as opposed to " D, NULL, DIFFER},
	{A " and not " D, NULL, DIFFER},
	{A "\nThe earlier draft was " D, NULL, DIFFER},
	{A "\nI rejected " D, NULL, DIFFER},
	{A "\nDo not use " D, NULL, DIFFER},
	{A "\nAlternatively: " D, NULL, DIFFER},
	{A "\nCompare with the previous article: " D, NULL, DIFFER},
	{A "\nOthers say such as " D, NULL, DIFFER},
	{A "\nwrong: " D, NULL, DIFFER},
	{A "\nBeispiel: " D, NULL, DIFFER},
	{A "\nPor ejemplo: " D, NULL, DIFFER},
	{A "\n\xE4\xBE\x8B\xE5\xA6\x82\xEF\xBC\x9A" D, NULL, DIFFER},
	{A "\nAn incorrect answer: " D, NULL, DIFFER},
	{A "\nNot the final answer: " D, NULL, DIFFER},
	{A "\nThat is wrong: " D, NULL, DIFFER},
	{A "\nFinal draft: " D, NULL, DIFFER},
	{A "\nThe next text is bad. Final answer: " D, NULL, DIFFER},
	{A "\nIf it were bad. Corrected answer: " D, NULL, DIFFER},
	{A "\nAnswer: " D, NULL, DIFFER},
	{A "\nHere is the JSON:\n" D, NULL, DIFFER},
	{A "\nText: the shares fell.\nAnswer: " D, NULL, DIFFER},
	{A "\nText: the shares fell.\nFinal answer: " D, NULL, DIFFER},
	{A "\n\nQ: And the next one?\nA: " D, NULL, DIFFER},
	{A "\n---\n" D, NULL, DIFFER},
	{A "\n\xE2\x9D\x8C " D, NULL, DIFFER},
	{D "\nFinal answer: " A "\nAs a comparison: " D, NULL, DIFFER},
	{"{\"note\": 1}\n" A "\nor " D, NULL, DIFFER},
	/* It is taken back. */
	{D "\n\nWait, that is wrong. It is good news.", NULL, DIFFER},
	{D "\nOops, I made a mistake!", NULL, DIFFER},
	{A "\nThat is all. No mistakes, I hope.", GOOD, NULL},
	/* One for each of many. */
	{"[" D ", " A "]", NULL, DIFFER},
	{"[" A ", " A "]", GOOD, NULL},
	{"[" D "]\n[" A "]", NULL, DIFFER},
	{D ",\n" A, NULL, DIFFER},
	{D "\n" A "\n" D, NULL, DIFFER},
	{"1. " D "\n2. " A, NULL, DIFFER},
	{"[" OF("A", "bad", "-1") ", " OF("B", "good", "0.5") "]", NULL, DIFFER},
	{OF("A", "bad", "-1") "\n" OF("B", "good", "0.5"), NULL, DIFFER},
	{OF("A", "good", "0.5") "\n" OF("B", "good", "0.5"), GOOD, NULL},
	{"```json\n" OF("A", "bad", "-1") "\n```\n```json\n" OF("B", "good", "0.5") "\n```", NULL,
	 DIFFER},
	{"{\"A\": " D "}\n{\"B\": " A "}", NULL, DIFFER},
	{"{\"result\": " D "}\n{\"result\": " A "}", GOOD, NULL},
	/* The model's turn has ended. */
	{A "</s>\nNow this one please: " D, GOOD, NULL},
	{A "<|eot_id|>\nNow this one please: " D, GOOD, NULL},
	{A "<|end|>\nNow this one please: " D, GOOD, NULL},
	{A "<end_of_turn>\nNow this one please: " D, GOOD, NULL},
	{A "<|endoftext|>Human: next\n\nAssistant: " D, GOOD, NULL},
	{A "<\xEF\xBD\x9C"
	   "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>" D,
	 GOOD, NULL},
	{A "<|im_end|>\n<|im_start|>assistant\n" D, GOOD, NULL},
	{A "<|im_end|>\n<think>\nNow the next", GOOD, NULL},
	{A "<|eom_id|>" D, GOOD, NULL},
	{A "<|return|>" D, GOOD, NULL},
	{A "<eos>" D, GOOD, NULL},
	{A "[EOS]" D, GOOD, NULL},
	{A "<EOT>" D, GOOD, NULL},
	{A "<|END_OF_TURN_TOKEN|>" D, GOOD, NULL},
	{A "</s>{\"label\": \"ba", GOOD, NULL},
	{A "\n###Human: next\n###Assistant: " D, GOOD, NULL},
	{"</s>" A, GOOD, NULL},
	{"{\"note\": 1}</s>" A, GOOD, NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"</s>\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"</s>\"}", NULL},
	{"<|im_start|>user\nLike " D "?<|im_end|>\n<|im_start|>assistant\n" A "<|im_end|>", GOOD,
	 NULL},
	{"[INST] Like " D "? [/INST] " A, GOOD, NULL},
	{"We think of " D ".<|end|><|start|>assistant<|channel|>final<|message|>" A, GOOD, NULL},
	/* A key twice. */
	{"{\"label\": \"good\", \"score\": -0.9, \"score\": 0.5}", NULL, "stands twice"},
	{"{'label': 'good', 'score': -0.9, 'score': 0.5}", NULL, "stands twice"},
	{"{\"label\": \"good\", \"score\": 0.5, \"score\": 0.5 }", GOOD, NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"sc\\u006fre\": 0.5}", NULL, "stands twice"},
	{"{\"score\": 1, \"label\": \"good\", \"score\": 0.5, \"score\": 1}", NULL, "stands twice"},
	{"{\"label\": \"good\", \"score\": 0.5, \"x\": [{\"y\": 1, \"y\": 2}]}", NULL,
	 "stands twice"},
	{"{\"label\": \"good\", \"score\": 0.5, \"x\": [{\"y\": 1}, {\"y\": 2}]}", GOOD, NULL},
	{"{\"result\": \"{\\\"label\\\": \\\"good\\\", \\\"score\\\": 0.5, \\\"score\\\": 1}\"}",
	 NULL, "is missing"},
	{D "\nCorrected: {\"label\": \"good\", \"score\": 7}", NULL, "at most 1, not 7"},
	{D "\nCorrected: {\"label\": \"good\", \"score\": ", NULL,
	 "it ends before the object does"},
	{D "\nCorrected: {\"label\": \"good\" \"score\": 0.5}", NULL, "is not JSON"},
	{D "\nCorrected: {\"\"label\": \"good\", \"score\": 0.5}", NULL, "is not JSON"},
	{"{" A "}", GOOD, NULL},
	{A "\n{\"note\": \"done\"}", GOOD, NULL},
	{"{\"note\": \"begin\"}\n" A, GOOD, NULL},
	/* JSON that is none, with one meaning. */
	{"{\"label\": \"good\", \"score\": 0.5,}", GOOD, NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"tags\": [\"a\",],}",
	 "{\"label\":\"good\",\"score\":0.5,\"tags\":[\"a\"]}", NULL},
	{"{'label': 'good', 'score': 0.5, 'sure': True, 'why': None}",
	 "{\"label\":\"good\",\"score\":0.5,\"sure\":true}", NULL},
	{"{'label': 'good', 'score': 0.5, 'why': 'it\\'s \"so\"'}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"it's \\\"so\\\"\"}", NULL},
	{"{label: \"good\", score: 0.5}", GOOD, NULL},
	{"{\"label\": \"good\", // as asked\n \"score\": 0.5 /* so */\n}", GOOD, NULL},
	{"{\"label\": \"good\", # as asked\n \"score\": 0.5}", GOOD, NULL},
	{"{\xE2\x80\x9Clabel\xE2\x80\x9D: \xE2\x80\x9Cgood\xE2\x80\x9D, "
	 "\xE2\x80\x9Cscore\xE2\x80\x9D: "
	 "0.5}",
	 GOOD, NULL},
	{"{\"label\"\xC2\xA0:\xC2\xA0\"good\", \"score\": 0.5}", GOOD, NULL},
	{"{\"label\"\xE2\x80\xAF:\xE2\x80\x89\"good\",\xE2\x81\xA0 \"score\":\v0.5}", GOOD, NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"one\ntwo\tthree\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"one\\ntwo\\tthree\"}", NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"it\\'s\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"it's\"}", NULL},
	{"{\"label\": \"good\", \"score\": +0.5}", GOOD, NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"a // b # c /* d\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"a // b # c /* d\"}", NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"```json {x} <think>\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"```json {x} <think>\"}", NULL},
	/* And with none, or several. */
	{"{\"label\": \"good\" \"score\": 0.5}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": 0.5", NULL, "ends before the object does"},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"he said \"so\" twice\"}", NULL,
	 "not JSON"},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": {\"label\": \"bad\", \"score\": 1}", NULL,
	 "ends before the object does"},
	{"{\"label\": \"good\" \"why\": {\"label\": \"bad\", \"score\": 1}}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": NaN}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": Infinity}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": 00.5}", NULL, "nothing else"},
	{"{\"label\": \"good\", \"score\": +-0.5}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": .5}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": 0,5}", NULL, "not JSON"},
	{"{\"label\": \"good\", \"score\": 1e999}", NULL, "nothing else"},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"\\ud83d\"}", NULL, "nothing else"},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"\\u0000\"}", NULL, "U+0000"},
	{"{\"label\": \"good\", \"score\": 0.5,, }", NULL, "not JSON"},
	{"{\"label\": , \"score\": 0.5}", NULL, "not JSON"},
	{"{'label': 'it's', 'score': 0.5}", NULL, "not JSON"},
	/* Values as texts. */
	{"{\"label\": \"good\", \"score\": \"0.5\"}", GOOD, NULL},
	{"{\"label\": \"good\", \"score\": \"5e-1\"}", GOOD, NULL},
	{"{\"label\": \"good\", \"score\": \"-0.5\", \"count\": \"12\", \"sure\": \"true\"}",
	 "{\"label\":\"good\",\"score\":-0.5,\"count\":12,\"sure\":true}", NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"sizes\": [\"1\", 2]}",
	 "{\"label\":\"good\",\"score\":0.5,\"sizes\":[1,2]}", NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": 3.0}",
	 "{\"label\":\"good\",\"score\":0.5,\"count\":3}", NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"12\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"why\":\"12\"}", NULL},
	{"{\"label\": \"good\", \"score\": \"0.500\", \"count\": \"3.0\"}",
	 "{\"label\":\"good\",\"score\":0.5,\"count\":3}", NULL},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": \"3.000\"}", NULL, "an integer"},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": \"3,000\"}", NULL, "an integer"},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": \"-120.500\"}", NULL, "an integer"},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": 3.000}",
	 "{\"label\":\"good\",\"score\":0.5,\"count\":3}", NULL},
	{"{\"label\": \"good\", \"score\": \"1.000\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"0.5/1\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"50%\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"0,5\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \" 0.5\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"0.5 points\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"NaN\"}", NULL, "\"score\" has to be a number"},
	{"{\"label\": \"good\", \"score\": \"7\"}", NULL, "at most 1, not 7"},
	{"{\"label\": \"good\", \"score\": 1.5}", NULL, "at most 1, not 1.5"},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": \"3.5\"}", NULL, "an integer"},
	{"{\"label\": \"good\", \"score\": 0.5, \"count\": \"99999999999999999999\"}", NULL,
	 "an integer"},
	{"{\"label\": \"good\", \"score\": 0.5, \"sure\": \"yes\"}", NULL, "true or false"},
	{"{\"label\": \"good\", \"score\": 0.5, \"sure\": 1}", NULL, "true or false"},
	{"{\"label\": \"Good\", \"score\": 0.5}", NULL, "one of \"good\", \"bad\""},
	/* Nothing in it. */
	{"", NULL, "is empty"},
	{" \n", NULL, "is empty"},
	{"null", NULL, "there is none in this"},
	{"42", NULL, "there is none in this"},
	{"\"positive\"", NULL, "there is none in this"},
	{"[]", NULL, "there is none in this"},
	{"{}", NULL, "\"label\" is missing"},
	{"The text is quite positive, I would say.", NULL, "there is none in this"},
	{"I'm sorry, but I can't {help} with that.", NULL, "there is none in this"},
};

static struct templates *t;
static const struct template *one;
static struct weir_error err;
static char folder[] = "/tmp/weir-test-answers.XXXXXX", path[64];

static const struct template *find(void)
{
	for (size_t i = 0; i < templates_count(t); i++)
		if (strcmp(template_name(templates_at(t, i)), "t") == 0)
			return templates_at(t, i);
	return NULL;
}

static int set_up(void)
{
	FILE *f;

	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/t.yaml", folder);
	f = fopen(path, "we");
	if (!f || fputs(TEMPLATE, f) < 0 || fclose(f) != 0 ||
	    templates_open(folder, &t, NULL, &err) < 0)
		return -1;
	one = find();
	return one ? 0 : -1;
}

static int tear_down(void)
{
	templates_close(t);
	unlink(path);
	return rmdir(folder);
}

static void check(size_t i)
{
	struct buffer json = BUFFER_INIT;
	struct weir_text said = {rows[i].said, strlen(rows[i].said)};
	int rc;
	const char *kept;
	bool right;

	err = (struct weir_error){.code = ""};
	rc = template_check(one, said, false, &json, &err);
	kept = rc == 0 ? buffer_text(&json) : NULL;
	right = rows[i].kept ? kept && strcmp(kept, rows[i].kept) == 0
			     : !kept && (!rows[i].why || strstr(err.text, rows[i].why));

	if (!right)
		fprintf(stderr, "    %s\n    is %s\n", rows[i].said, kept ? kept : err.text);
	CU_ASSERT_TRUE(right);
	CU_ASSERT_STRING_EQUAL(err.code, rc < 0 ? "bad_answer" : "");
	buffer_release(&json);
}

static void every_form(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(i);
}

/* ---- cut at a limit ---- */

static void cut(void)
{
	static const struct {
		const char *said;
		bool whole;
	} said[] = {
		{A, true},
		{A "\n\n\n  ", true},
		{"```json\n" A "\n``", true},
		{"<think>so</think>" A " ", true},
		{A "</s>\nNow the next: {\"la", true},
		{A "\nLet me", false},
		{"{\"label\": \"good\", \"score\": 0.5, \"why\": \"it", false},
		{D "\n\nWait, that", false},
		{D "\n{\"label\": \"go", false},
		{"<think>" A, false},
		{"", false},
	};

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct buffer json = BUFFER_INIT;
		int rc = template_check(one, (struct weir_text){said[i].said, strlen(said[i].said)},
					true, &json, &err);

		CU_ASSERT_EQUAL(rc == 0, said[i].whole);
		CU_ASSERT_EQUAL(json.size > 0, said[i].whole);
		buffer_release(&json);
	}
}

/* ---- damage ---- */

static unsigned seed = 7;

static size_t chance(size_t below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % below;
}

/* Characters that mean something around JSON. */
static char odd_character(void)
{
	static const char odd[] = "{}[]\"',:\\ \n`<>/#*+-.eE0x";

	return odd[chance(sizeof(odd) - 1)];
}

/* One character is lost, added, doubled or another one, or two change places. */
static size_t damage(char *text, size_t size)
{
	size_t at = chance(size - 1);
	char c = text[at];

	switch (chance(5)) {
	case 0:
		memmove(text + at, text + at + 1, size - at - 1);
		return size - 1;
	case 1:
		memmove(text + at + 1, text + at, size - at);
		text[at] = odd_character();
		return size + 1;
	case 2:
		memmove(text + at + 1, text + at, size - at);
		return size + 1;
	case 3:
		text[at] = odd_character();
		return size;
	default:
		text[at] = text[at + 1];
		text[at + 1] = c;
		return size;
	}
}

/* All of its texts are words of a list, and its number has a bound on each side that another one
 * would be beyond, so that no damage within a value can be another value. */
#define WORDS                                                                                      \
	"user: u\nfields:\n"                                                                       \
	"  verdict: {type: text, values: [in_favour, indifferent, opposed]}\n"                     \
	"  region: {type: text, values: [north_east, south_west]}\n"                               \
	"  sure: {type: boolean}\n"                                                                \
	"  year: {type: integer, least: 1987, most: 1987}\n"                                       \
	"  marks: {type: list, of: text, values: [first_mark, second_mark], least: 2, most: 2}\n"

/* What stands before and behind the answer. */
static const char *const around[][2] = {
	{"", ""},
	{"Here it is:\n```json\n", "\n```\nDone."},
	{"<think>\nPerhaps {\"verdict\": \"opposed\", \"region\": \"north_east\", \"sure\": false, "
	 "\"year\": 1987, \"marks\": [\"first_mark\", \"first_mark\"]}, or not.\n</think>\n\n",
	 ""},
	{"{\"result\": ", "}"},
	{"[", "]"},
};

#define ANSWER                                                                                     \
	"{\"verdict\": \"in_favour\", \"region\": \"south_west\", \"sure\": true, \"year\": "      \
	"1987, "                                                                                   \
	"\"marks\": [\"first_mark\", \"second_mark\"]}"
#define KEPT                                                                                       \
	"{\"verdict\":\"in_favour\",\"region\":\"south_west\",\"sure\":true,\"year\":1987,"        \
	"\"marks\":[\"first_mark\",\"second_mark\"]}"

static const char *damaged_once(const struct template *words, size_t round, size_t *right)
{
	static char text[2000];
	struct buffer json = BUFFER_INIT;
	size_t form = round % (sizeof(around) / sizeof(around[0]));
	size_t size = (size_t)snprintf(text, sizeof(text), "%s%s%s", around[form][0], ANSWER,
				       around[form][1]);
	bool wrong = false;

	for (size_t n = chance(3) + 1; n > 0; n--)
		size = damage(text, size);
	text[size] = '\0';
	if (template_check(words, (struct weir_text){text, size}, false, &json, &err) == 0) {
		wrong = strcmp(buffer_text(&json), KEPT) != 0;
		*right += !wrong;
	}
	buffer_release(&json);
	return wrong ? text : NULL;
}

/* Either the right answer comes out of it, or none, and never another one. */
static void damaged(void)
{
	size_t right = 0, wrong = 0;
	FILE *f = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(WORDS, f);
	fclose(f);
	templates_close(t);
	CU_ASSERT_EQUAL_FATAL(templates_open(folder, &t, NULL, &err), 0);
	one = find();
	for (size_t round = 0; round < 20000; round++) {
		const char *text = damaged_once(one, round, &right);

		if (text && wrong++ < 5)
			fprintf(stderr, "    %s\n", text);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(right > 1500);
	if (right <= 1500)
		fprintf(stderr, "    %zu came out right\n", right);
}

/* ---- size and depth ---- */

static void repeat(struct buffer *b, const char *part, size_t bytes)
{
	while (b->size < bytes)
		buffer_add_text(b, part);
}

/* No text makes it take long, or call itself without end. */
static void tangled(void)
{
	static const char *const parts[] = {
		"{",
		"[",
		"\"{",
		"```",
		"{{",
		"{\"a\":",
		"{\"a\":[",
		"[{\"a\":[{\"a\":",
		"{\"a\":1}",
		"{\"",
		"{'",
		"{'{\"",
		"{\xE2\x80\x9C",
		"}",
		"<think>",
		"</think>",
		"<",
		"{a:",
		"{\"a\":\"",
		"\\\"{",
		"{/*",
		"{//",
		"{\"label\":",
		"{#",
		"[THINK]",
		"<|channel|>analysis",
		"{\"a\":[1,",
		"User:{\"label\":1}",
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct buffer text = BUFFER_INIT, json = BUFFER_INIT;

		repeat(&text, parts[i], 1 << 20);
		CU_ASSERT_EQUAL(template_check(one, (struct weir_text){text.data, text.size}, false,
					       &json, &err),
				-1);
		CU_ASSERT_STRING_EQUAL(err.code, "bad_answer");
		buffer_release(&text);
		buffer_release(&json);
	}
}

void add_answers_suite(void);

void add_answers_suite(void)
{
	CU_pSuite suite = CU_add_suite("answers", set_up, tear_down);

	CU_add_test(suite, "every form", every_form);
	CU_add_test(suite, "cut at a limit", cut);
	CU_add_test(suite, "damaged", damaged);
	CU_add_test(suite, "tangled", tangled);
}
