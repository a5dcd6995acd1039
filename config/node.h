/* config/node.h: what a parsed document is made of; inside config/ only. The rest of weir sees
 * nodes through the functions of config/config.h. document.c makes and frees them. */
#pragma once

#include "config/config.h"

/* Bounds on what a configuration may be: what a stranger could feed to `weir check` costs
 * at most this. */
#define CONFIG_MAX_BYTES (1u << 20)
#define CONFIG_MAX_DEPTH 32u
#define CONFIG_MAX_KEYS	 1024u	 /* of one mapping: finding duplicates compares each with each */
#define CONFIG_MAX_NODES 131072u /* with every alias counted as what it stands for */

struct config_pair {
	struct config_node *key; /* NULL in a sequence */
	struct config_node *value;
};

struct config_node {
	const struct config_document *doc; /* NULL: a default, from a table */
	struct config_node *next;	   /* all nodes of the document, for freeing */
	struct config_node *parent;	   /* where it is written; aliases don't change it */
	enum config_node_kind kind;
	unsigned int line, column; /* from 1 */
	bool plain;		   /* a scalar without quotes */
	char *text;		   /* a scalar's bytes, ended by NUL for convenience */
	size_t text_len;
	struct config_pair *pairs; /* elements or pairs */
	size_t count, cap;
	unsigned int height; /* levels, a scalar being 1 */
	uint64_t expanded;   /* nodes from here on, aliases counted in full */
};

/* Where a node is, for messages: "outputs[1].format"; empty for the root. */
struct config_path {
	char text[128];
};

/* Says so; returns -ENOMEM. */
int config_out_of_memory(struct errmsg *em);

const char *config_document_name(const struct config_document *doc);
struct config_path config_node_path(const struct config_node *node);

/* Bytes made fit to show in a message: cut, control characters replaced. */
struct config_shown {
	char text[72];
};
struct config_shown config_show(struct str text);
