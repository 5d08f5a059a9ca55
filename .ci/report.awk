# What a person wants to read of a run's TAP output: the comments of the tests, and each failed assertion with the
# names of the tests around it and its diagnosis (the difference, the place), without the excerpts of the source; what
# was skipped, with its reason.
#
#   awk -v most=20 -v lines=150 -f .ci/report.awk RESULTS
#
# most: failures that are shown, further ones are counted; lines: of each diagnosis, and of each run of comments.

{
  match($0, /^ */)
  depth = int(RLENGTH / 4)
  text = substr($0, RLENGTH + 1)
}

diagnosis {
  if (text == "...") { diagnosis = 0; next }
  # An excerpt: the key, and what is indented below it.
  if (RLENGTH == level && text ~ /^source:/) { excerpt = 1; next }
  if (RLENGTH == level && text ~ /^[A-Za-z]+:/) excerpt = 0
  if (shown && !excerpt && text !~ /^ *$/ && ++printed <= lines) print substr($0, level - 1)
  if (shown && printed == lines) print "    (more of it is cut off)"
  next
}

text == "---" { diagnosis = 1; level = RLENGTH; excerpt = 0; printed = 0; next }

text ~ /^# Subtest: / {
  names[depth] = substr(text, 12)
  failed[depth + 1] = 0
  next
}

text ~ /^(not )?ok / {
  comments = 0
  shown = 0
  if (text ~ / # (TODO|SKIP)/) print text
  if (text !~ /^not ok / || text ~ / # (TODO|SKIP)/) next
  # The end of a test around a failure that was shown already.
  inner = failed[depth + 1]
  failed[depth + 1] = 0
  failed[depth] = 1
  if (inner) next
  if (++failures > most) next
  shown = 1
  sub(/^not ok [0-9]+ (- )?/, "", text)
  path = ""
  for (at = 0; at < depth; at++) path = path names[at] " > "
  print "not ok: " path text
  next
}

text ~ /^# / && text !~ /^# (time=|\{ total: |No coverage generated)/ {
  if (++comments <= lines) print text
  if (comments == lines) print "# (more of it is cut off)"
}

END { if (failures > most) print "and " (failures - most) " more failures" }
