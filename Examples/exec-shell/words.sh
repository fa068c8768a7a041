#!/bin/sh
# Counts the words of the prompt into the field 'words': one jq, which reads lines and writes lines.
exec jq --unbuffered --compact-output '
  if .ping then {id}
  else {id, fields: {words: (.fields.prompt | [splits("\\s+")] | map(select(. != "")) | length)}}
  end'
