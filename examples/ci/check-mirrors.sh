#!/bin/sh
# Fails when what Git declares for Talos and for Spegel cannot work together. For any CI, at the root of the repository:
#
#   TALOS_PATCHES   Talos' patches that pulls depend on, in the order in which Talos is given them
#   SPEGEL_FILES    Spegel's HelmRelease and OCIRepository, or its Helm values
#   NODE_IP         the address of any node; only the text of the findings depends on it
#   TALOS_VERSION   the nodes' release (empty: the newest that Pullpath knows)
#   PULLPATH        how Pullpath is started: the bundle, or `docker run --rm -v "$PWD:/git:ro" -w /git IMAGE`
#
# File lists may have wildcards and are split at blanks. Ends with 1 for a conflict, with 2 if a file could not be read.
set -eu

: "${TALOS_PATCHES:?the Talos patches}" "${SPEGEL_FILES:?the files of Spegel}"
: "${PULLPATH:=node tools/pullpath.cjs}" "${NODE_IP:=192.168.1.98}" "${TALOS_VERSION:=}"

code=0
# Lists of words, all three.
# shellcheck disable=SC2086
$PULLPATH check --intent-only --talos $TALOS_PATCHES --spegel $SPEGEL_FILES --node-ip "$NODE_IP" \
  ${TALOS_VERSION:+--talos-version "$TALOS_VERSION"} || code=$?

case $code in
  0) echo 'Talos and Spegel can work together.' ;;
  1) echo 'NOT MERGED: on a node that gets these files, containerd would not use the mirrors. The command of each finding helps.' >&2 ;;
  *) echo "NOT CHECKED: Pullpath ended with $code." >&2 ;;
esac
exit "$code"
