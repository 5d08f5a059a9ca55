{{- define "pullpath.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "pullpath.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- else if contains (include "pullpath.name" .) .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pullpath.name" .) | trunc 46 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pullpath.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pullpath.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pullpath.labels" -}}
{{- $chart := dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $version := dict "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_") -}}
{{- $own := dict "app.kubernetes.io/managed-by" .Release.Service "app.kubernetes.io/component" "agent" -}}
{{- toYaml (merge (include "pullpath.selectorLabels" . | fromYaml) $chart $version $own .Values.commonLabels) -}}
{{- end -}}

{{- define "pullpath.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "pullpath.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pullpath.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* The agent's configuration: what follows from `intent`, and over it what `config` says. */ -}}
{{- define "pullpath.config" -}}
{{- $intent := .Values.intent -}}
{{- $talos := dict "patches" list -}}
{{- if or $intent.talos.files $intent.talos.configMaps -}}
{{- $talos = dict "patches" (list "/intent/talos/*.yaml") -}}
{{- end -}}
{{- $spegel := dict "from" "none" -}}
{{- if or $intent.spegel.files $intent.spegel.configMaps -}}
{{- $spegel = dict "from" "values" "values" (list "/intent/spegel/*.yaml") -}}
{{- end -}}
{{- toYaml (mergeOverwrite (dict "intent" (dict "talos" $talos "spegel" $spegel)) (deepCopy .Values.config)) -}}
{{- end -}}

{{- define "pullpath.port" -}}
{{- dig "http" "port" 9478 .Values.config -}}
{{- end -}}

{{- /* The directories of the node that the agent reads, as `paths: […]`, parents before what is below them. A parent
alone would not do: what is mounted below it on the node keeps its own flags, which Talos before 1.9.3 left writable. */ -}}
{{- define "pullpath.hostPaths" -}}
{{- $paths := list (dig "containerd" "hostsDir" "/etc/cri/conf.d/hosts" .Values.config) -}}
{{- with dig "containerd" "configFile" nil .Values.config -}}
{{- if eq (dir .) "/" -}}
{{- fail (printf "config.containerd.configFile: the directory of %s would be the whole file system of the node" .) -}}
{{- end -}}
{{- $paths = append $paths (dir .) -}}
{{- end -}}
{{- toYaml (dict "paths" (concat $paths .Values.extraHostPaths | uniq | sortAlpha)) -}}
{{- end -}}

{{- define "pullpath.hostVolumeName" -}}
{{- printf "host%s" (. | replace "/" "-" | replace "." "-" | replace "_" "-" | lower) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* What a schema cannot say, or not so that a person understands it. */ -}}
{{- define "pullpath.check" -}}
{{- $host := dig "http" "host" "" .Values.config -}}
{{- if or (hasPrefix "127." $host) (has $host (list "localhost" "::1")) -}}
{{- fail (printf "config.http.host: at %s neither the kubelet's probes nor Prometheus reach the agent" $host) -}}
{{- end -}}
{{- if and (not .Values.hostNetwork) (eq $host "${NODE_IP}") -}}
{{- fail "config.http.host: without hostNetwork the pod does not have the node's address" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "podMonitor and serviceMonitor: with both, every agent is scraped twice; enable one" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor: it finds the agents by the Service; set service.enabled, or use podMonitor" -}}
{{- end -}}
{{- end -}}
